# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A family's album: its photos and videos lose their files, and much depends on them."""
