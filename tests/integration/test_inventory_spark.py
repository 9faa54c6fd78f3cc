# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The anti-join of an inventory with the references in Spark, as the page has it.

Spark is large, so only ``make test-full`` makes an environment with it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest

from helpers.inventories import FORMS, HOSTILE, candidates_of, statements, write_hostile_site

sql = pytest.importorskip("pyspark.sql", reason="Spark is in an environment of its own: make test-full")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java, and there is none on this machine", allow_module_level=True)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Spark in local mode."""
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    warehouse = tmp_path_factory.mktemp("warehouse")
    session = builder.config("spark.sql.warehouse.dir", str(warehouse)).getOrCreate()
    yield session
    session.stop()


@pytest.mark.promise(8)
@pytest.mark.parametrize("form", FORMS)
def test_the_join_of_the_page_leaves_what_is_not_referenced(spark: Any, form: str, tmp_path: Path) -> None:
    references = write_hostile_site(tmp_path, form)
    names = (f"Spark, inventory of {form}", "Spark, references", "all engines, the anti-join")
    for name in (*names, "Spark, candidates"):
        written = statements(name).replace("s3a://inventories/references.csv", str(references))
        written = re.sub("s3a://inventories/", f"{tmp_path}/", written)
        # Those of one manifest.
        written = written.replace("data/*", "data/{one,two}")
        written = written.replace("CREATE VIEW", "CREATE TEMPORARY VIEW")
        for statement in filter(str.strip, written.split(";\n")):
            spark.sql(statement)
    (part,) = (tmp_path / "candidates").glob("*.csv")
    assert candidates_of(part) == sorted((f"lost/{name}" for name in HOSTILE), key=str.encode)
    for view in ("candidates", "referenced", "exported", "inventory"):
        spark.catalog.dropTempView(view)
