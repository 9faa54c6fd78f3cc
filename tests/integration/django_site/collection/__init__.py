# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A collection of football kit: its photos are uploaded before they are attached to anything."""
