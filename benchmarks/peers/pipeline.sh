#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
#
# pipeline.sh {orphans|missing} URL MEDIA_ROOT TABLE: find, sort, psql, mariadb or sqlite3, and comm.
# It goes wrong with a line feed in a name, and looks at nothing twice.
set -o nounset -o pipefail
job=$1 url=$2 media_root=$3 table=$4
export LC_ALL=C

files() {
    (cd "$media_root" && find uploads -type f | sort)
}

references() {
    case $url in
        sqlite:*) sqlite3 "${url#sqlite://}" "SELECT image FROM $table WHERE image <> '' ORDER BY image" ;;
        mysql:*)
            database=${url%%\?*}
            LD_LIBRARY_PATH=$MARIADB_LIBRARY "$MARIADB" --no-defaults --quick --batch --raw --skip-column-names \
                --user=root --socket="${url##*unix_socket=}" "${database##*/}" \
                -e "SELECT image FROM $table WHERE image <> ''" | sort
            ;;
        *) psql -qAtX "$url" -c "COPY (SELECT image FROM $table WHERE image <> '' ORDER BY image COLLATE \"C\") TO STDOUT" ;;
    esac
}

# Waited for in the end, so that the time of all of them is counted.
exec 3< <(files)
files=$!
exec 4< <(references)
case $job in
    orphans) comm -23 /dev/fd/3 /dev/fd/4 | wc -l ;;
    missing) comm -13 /dev/fd/3 /dev/fd/4 | wc -l ;;
esac
exec 3<&- 4<&-
wait "$files" "$!"
