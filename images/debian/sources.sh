#!/bin/sh
# Downloads pinned files of a Debian archive with apt's own transport and writes them as one tar.
#
#   FILES    space-separated <path in the archive>:<SHA-256>
#   SOURCES  space-separated apt source lists; the first line of the first names the archive
#   OUT      an existing folder: root.tar (sources/<file>), packages.txt and sources.txt are written here
set -eu
umask 022
list=${SOURCES%% *}
archive=$(sed -n 's/^deb \[[^]]*\] \([^ ]*\) .*/\1/p' "$list" | head -n 1)
mkdir -p "$OUT/files/sources"
: > "$OUT/packages.txt"
for pinned in $FILES; do
  path=${pinned%:*}
  file=${path##*/}
  /usr/lib/apt/apt-helper -q -o Acquire::Retries=3 download-file "${archive%/}/$path" "$OUT/files/sources/$file" "SHA256:${pinned##*:}" >&2 || {
    echo "wheelfarm: the archive has no $file with the pinned digest; pin the one that it has now" >&2
    exit 1
  }
  version=${file#*_}
  echo "${file%%_*} ${version%.orig.tar.*} source ${pinned##*:}" >> "$OUT/packages.txt"
done
cp "$list" "$OUT/sources.txt"
tar -C "$OUT/files" --sort=name --numeric-owner --owner=0 --group=0 --mtime="@$SOURCE_DATE_EPOCH" -cf "$OUT/root.tar" sources
rm -rf "$OUT/files"
