# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Thumbnails by Pillow alone: review_page.py bare FOLDER. Or the engine's page: … page OPTIONS FILE.

It prints how many pictures there are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins" / "module_utils"))

LONGEST = 8 << 20


def bare(folder: str) -> int:
    from _reconcile.report.page.thumbnailer import thumbnail

    return sum(bool(thumbnail(path.read_bytes())) for path in Path(folder).iterdir())


def paged(options: str, file: str) -> int:
    from _reconcile import run as jobs
    from _reconcile.config.jobs import orphans_job
    from _reconcile.config.options import REPORT_BYTES, REPORT_THUMBNAILS
    from _reconcile.report.page.document import Limits, emit_document
    from _reconcile.report.page.file import PageFile

    job = orphans_job(json.loads(options))
    plan, _outcome = jobs.run(job, check=True)
    with PageFile(file, "plan", job.site.name) as page:
        emit_document(job, plan, Limits(REPORT_BYTES, REPORT_THUMBNAILS), page.emit)
        page.emit(None)
    html = Path(file).read_text()
    if len(html) > LONGEST:
        sys.exit(f"the page has {len(html):,} characters")
    data = json.loads(html.partition('id="data">')[2].partition("</script>")[0])
    return len(data["parts"][0]["pictures"])


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    print({"bare": bare, "page": paged}[what](*arguments))
