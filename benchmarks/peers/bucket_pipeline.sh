#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
#
# bucket_pipeline.sh ENDPOINT BUCKET PREFIX URL: the orphans by rclone, psql, sort and comm.
# It goes wrong with a line feed in a name, and looks at nothing twice.
set -o nounset -o pipefail
bucket=$2 prefix=$3 url=$4
export LC_ALL=C RCLONE_CONFIG=/dev/null RCLONE_CONFIG_HERE_TYPE=s3 RCLONE_CONFIG_HERE_PROVIDER=Other \
    RCLONE_CONFIG_HERE_ENDPOINT="$1" RCLONE_CONFIG_HERE_REGION=us-east-1 \
    RCLONE_CONFIG_HERE_ACCESS_KEY_ID=testing RCLONE_CONFIG_HERE_SECRET_ACCESS_KEY=testing-secret

references() {
    psql -qAtX "$url" -c "COPY (SELECT image FROM photo WHERE image <> '' ORDER BY image COLLATE \"C\") TO STDOUT"
}

objects() {
    rclone lsf --quiet --recursive --files-only --fast-list "here:$bucket/$prefix" | sort
}

# Waited for in the end, so that the time of all of them is counted.
exec 3< <(objects)
objects=$!
exec 4< <(references)
comm -23 /dev/fd/3 /dev/fd/4 | wc -l
exec 3<&- 4<&-
wait "$objects" "$!"
