# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""The sessions of antsibull-nox, which antsibull-nox.toml chooses."""

# /// script
# dependencies = ["nox>=2025.02.09", "antsibull-nox"]
# ///

import antsibull_nox
import nox

antsibull_nox.load_antsibull_nox_toml()

if __name__ == "__main__":
    nox.main()
