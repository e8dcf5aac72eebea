#!/bin/sh
# Unpacks a Debian root file system with mmdebstrap and writes it as one sorted tar.
# Runs as root, either in a container of the suite's own image or on the host.
#
#   SUITE          bookworm, trixie, …
#   ARCHITECTURE   amd64, arm64, armhf, …: the root's own
#   PACKAGES       comma-separated, unpacked with all they depend on
#   SYSROOTS       space-separated Debian architectures whose Python headers and sysconfig data are
#                  added under opt/wheelfarm/debs/<architecture> (may be empty)
#   PYTHON         3.11, 3.13, …: names the packages of the sysroots
#   RUST           yes: Rust's standard library for the architectures of the sysroots is added
#   SOURCE         the source package of that Python, of which what only Windows needs is added under
#                  opt/wheelfarm/debs/source, and its shared library beside the sysroots (may be empty)
#   SOURCES        space-separated apt source lists, the fullest first; a later one is taken when an index of
#                  an earlier one does not answer or does not match its signed digest
#   SOURCE_DATE_EPOCH  every later time in the tar is set back to this
#   OUT            an existing folder: root.tar, packages.txt and sources.txt (the list taken) are written here
#
# Every line of a source list names the keyring that must have signed it.
#
# packages.txt: "name version sha256" a line, the archive's own digests (apt has checked them).
set -eu
umask 022
export LC_ALL=C.UTF-8
foreign=$(printf '%s' "$SYSROOTS" | tr ' ' ',')
architectures=$ARCHITECTURE${foreign:+,$foreign}
root=$OUT/root

cat > "$OUT/setup.sh" <<'HOOK'
set -eu
# Merged /usr before the first package, as every Debian since bookworm is.
for name in bin sbin lib; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done
if [ "$ARCHITECTURE" = amd64 ]; then mkdir -p "$1/usr/lib64"; ln -s usr/lib64 "$1/lib64"; fi
HOOK

cat > "$OUT/extract.sh" <<'HOOK'
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
list() { dpkg-deb --show --showformat '${Package} ${Version} ${Architecture}\n' "$1" | tr '\n' ' '; sha256sum "$1" | cut -c1-64; }
for deb in "$1"/var/cache/apt/archives/*.deb; do list "$deb"; done > "$OUT/listed"
for architecture in $SYSROOTS; do
  folder=$OUT/debs/$architecture
  mkdir -p "$folder" "$1/opt/wheelfarm/debs/$architecture"
  chmod 777 "$folder"
  (cd "$folder" && apt-get -q download \
    "libpython$PYTHON-dev:$architecture" "libpython$PYTHON-minimal:$architecture")
  for deb in "$folder"/*.deb; do
    list "$deb" >> "$OUT/listed"
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$1/opt/wheelfarm/debs/$architecture" --wildcards \
      './usr/include/*' './usr/lib/python*/_sysconfigdata__*' 2>> "$OUT/tar.log" || true
  done
  test -n "$(ls "$1/opt/wheelfarm/debs/$architecture/usr/lib/python$PYTHON/")"
  if [ "$RUST" = yes ] && [ "$architecture" != "$ARCHITECTURE" ]; then
    mkdir -p "$folder/rust"
    chmod 777 "$folder/rust"
    (cd "$folder/rust" && apt-get -q download "libstd-rust-dev:$architecture")
    list "$folder"/rust/*.deb >> "$OUT/listed"
    dpkg-deb --fsys-tarfile "$folder"/rust/*.deb | tar -x -C "$1" --wildcards './usr/lib/rustlib/*'
  fi
done
# rustc asks for a C compiler of Debian; builds have the image's own.
if [ "$RUST" = yes ]; then rm -rf "$1/usr/lib/gcc" "$1/usr/libexec/gcc" "$1/usr/include"; fi
if [ -n "$SOURCE" ]; then
  folder=$OUT/debs/source
  mkdir -p "$folder" "$1/opt/wheelfarm/debs/source"
  chmod 777 "$folder"
  (cd "$folder" && apt-get -q download "libpython$PYTHON:$ARCHITECTURE" && apt-get -q --download-only source "$SOURCE")
  list "$folder"/*.deb >> "$OUT/listed"
  dpkg-deb --fsys-tarfile "$folder"/*.deb | tar -x -C "$1/opt/wheelfarm/debs/$ARCHITECTURE" --wildcards './usr/lib/*/libpython*.so.*'
  version=$(sed -n 's/^Version: //p' "$folder"/*.dsc | head -n 1)
  printf '%s %s source %s\n' "$SOURCE" "$version" "$(sha256sum "$folder"/*.orig.tar.* | sed -n '/asc$/!s/ .*//p')" >> "$OUT/listed"
  tar -x -f "$(ls "$folder"/*.orig.tar.* | grep -v 'asc$')" -C "$1/opt/wheelfarm/debs/source" --strip-components=1 --wildcards \
    '*/PC/pyconfig.h*' '*/PC/python3dll.c'
fi
HOOK

unpack() {
  rm -rf "$root" "$OUT/debs" "$OUT/listed"
  mmdebstrap --mode=root --variant=extract --architectures="$architectures" --include="$PACKAGES" \
    --format=directory --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"' \
    --setup-hook="ARCHITECTURE=$ARCHITECTURE sh $OUT/setup.sh \"\$1\"" \
    --extract-hook="OUT=$OUT SYSROOTS='$SYSROOTS' PYTHON=$PYTHON RUST=$RUST SOURCE='$SOURCE' ARCHITECTURE=$ARCHITECTURE sh $OUT/extract.sh \"\$1\"" \
    "$SUITE" "$root" - < "$1"
}

done=no
for list in $SOURCES; do
  if unpack "$list"; then
    done=yes
    cp "$list" "$OUT/sources.txt"
    break
  fi
  echo "wheelfarm: the archive as listed in $list could not be unpacked" >&2
done
test "$done" = yes

# What packages would have set up when configured; nothing is configured here.
mkdir -p "$root/work" "$root/etc/ssl/certs" "$root/root" "$root/home/build" "$root/proc" "$root/sys"
printf 'root:x:0:0:root:/root:/bin/sh\nbuild:x:1000:1000:build:/home/build:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$root/etc/passwd"
printf 'root:x:0:\nbuild:x:1000:\nnogroup:x:65534:\n' > "$root/etc/group"
chown 1000:1000 "$root/home/build" "$root/work"
[ ! -x "$root/usr/bin/mawk" ] || ln -sf mawk "$root/usr/bin/awk"
for certificate in "$root"/usr/share/ca-certificates/mozilla/*.crt; do
  [ ! -e "$certificate" ] || cat "$certificate"
done > "$root/etc/ssl/certs/ca-certificates.crt"

# Licences stay, the rest of the documentation goes.
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/doc" -type d -empty -delete
rm -rf "$root/usr/share/man" "$root/usr/share/locale" "$root/usr/share/info" "$root/usr/share/lintian" \
  "$root/usr/share/bug" "$root/usr/lib/valgrind" "$root/var/cache" "$root/var/lib/apt" "$root/var/log" \
  "$root"/var/lib/dpkg "$root/etc/hostname" "$root/etc/resolv.conf" "$root/etc/hosts" "$root/etc/apt"
mkdir -p "$root/var/cache" "$root/var/log" "$root/var/lib/dpkg"

LC_ALL=C sort -u "$OUT/listed" > "$OUT/packages.txt"
tar -C "$root" --sort=name --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime,delete=mtime \
  --mtime="@$SOURCE_DATE_EPOCH" --numeric-owner --exclude='./dev/*' --exclude='./tmp/*' -cf "$OUT/root.tar" .
rm -rf "$root" "$OUT/debs"
