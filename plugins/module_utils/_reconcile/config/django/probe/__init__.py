# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The probe: asks a Django project what it knows of itself. It runs in the project's own interpreter.

``asking.py`` sends it there, so it is a program by itself. It needs the standard library and Django (3.2 or
later) only, and runs on Python 3.6, which knows no future import of annotations. Django is imported where it
is used, for this package must be importable where there is none. It opens no connection to a database.
"""
