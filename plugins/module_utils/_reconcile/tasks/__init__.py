# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the modules ask for, one kind of task a file.

Each is imported only where it is asked for: a module of Ansible compiles all that it imports at each start.
"""
