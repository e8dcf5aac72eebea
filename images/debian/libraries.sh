#!/bin/sh
# Unpacks Debian's binaries of libraries, with all that they need but the C library and the compiler's runtime, as one
# prefix: include, lib, lib/pkgconfig. Runs as bootstrap.sh does, in a container of the suite's own image or on the host.
#
#   SUITE, ARCHITECTURE, SOURCES, SOURCE_DATE_EPOCH, OUT   as for bootstrap.sh
#   PACKAGES   comma-separated development packages
#   PREFIX     where the files will lie when they are used
#
# root.tar: the prefix. libraries.tsv: "file package version licence" a shared object, the licence as Debian names it.
# packages.txt: "name version architecture sha256" a package, the archive's own digests (apt has checked them).
set -eu
umask 022
export LC_ALL=C.UTF-8
root=$OUT/root

cat > "$OUT/extract.sh" <<'HOOK'
set -eu
for deb in "$1"/var/cache/apt/archives/*.deb; do
  name=$(dpkg-deb --field "$deb" Package)
  source=$(dpkg-deb --field "$deb" Source | cut -d' ' -f1)
  # The target's compiler has these of its own, at the row's floor.
  case ${source:-$name} in glibc|gcc-*|linux|linux-*|libxcrypt|base-files|rpcsvc-proto|libnsl|libtirpc|krb5|debconf|cdebconf|dpkg) continue ;; esac
  { dpkg-deb --show --showformat '${Package} ${Version} ${Architecture}\n' "$deb" | tr '\n' ' '; sha256sum "$deb" | cut -c1-64; } >> "$OUT/listed"
  rm -rf "$OUT/one"
  mkdir "$OUT/one"
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$OUT/one"
  merge() { [ ! -d "$1" ] || { mkdir -p "$2"; cp -R "$1"/. "$2"/; }; }
  for triple in "$OUT"/one/usr/include/*-linux-gnu*; do [ ! -d "$triple" ] || { merge "$triple" "$OUT/prefix/include"; rm -r "$triple"; }; done
  merge "$OUT/one/usr/include" "$OUT/prefix/include"
  merge "$OUT/one/usr/share/pkgconfig" "$OUT/prefix/lib/pkgconfig"
  for lib in "$OUT"/one/usr/lib/*-linux-gnu* "$OUT"/one/lib/*-linux-gnu*; do
    [ -d "$lib" ] || continue
    merge "$lib/pkgconfig" "$OUT/prefix/lib/pkgconfig"
    licence=$(sed -n '/^License:/{s/^License: *//;s/[^A-Za-z0-9.+-].*//;p;q;}' "$OUT/one/usr/share/doc/$name/copyright" 2>/dev/null || true)
    for file in "$lib"/*.so "$lib"/*.so.*; do
      [ -e "$file" ] || [ -L "$file" ] || continue
      mkdir -p "$OUT/prefix/lib"
      cp -P "$file" "$OUT/prefix/lib/"
      printf '%s\t%s\t%s\t%s\n' "$(basename "$file")" "$name" "$(dpkg-deb --field "$deb" Version)" "$licence" >> "$OUT/libraries.tsv"
    done
  done
done
HOOK

unpack() {
  rm -rf "$root" "$OUT/prefix" "$OUT/listed" "$OUT/libraries.tsv"
  : > "$OUT/libraries.tsv"
  mkdir -p "$OUT/prefix/lib/pkgconfig" "$OUT/prefix/include"
  mmdebstrap --mode=root --variant=extract --architectures="$ARCHITECTURE" --include="$PACKAGES" --format=directory \
    --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"' \
    --extract-hook="OUT=$OUT sh $OUT/extract.sh \"\$1\"" "$SUITE" "$root" - < "$1"
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

# Libraries that are links to a folder of the root (/lib/x86_64-linux-gnu/…, alternatives) lie beside them here.
for link in "$OUT"/prefix/lib/*.so "$OUT"/prefix/lib/*.so.*; do
  [ -L "$link" ] || continue
  case $(readlink "$link") in */*) ln -sf "$(basename "$(readlink "$link")")" "$link" ;; esac
done
for file in "$OUT"/prefix/lib/pkgconfig/*.pc; do
  [ -f "$file" ] || continue
  sed -i -e "s,^prefix=.*,prefix=$PREFIX," -e 's,/lib/[a-z0-9_]*-linux-gnu[a-z0-9]*,/lib,g' -e 's,/include/[a-z0-9_]*-linux-gnu[a-z0-9]*,/include,g' \
    -e "s,=/usr/,=$PREFIX/,g" -e "s,-I/usr/include,-I$PREFIX/include,g" "$file"
done
LC_ALL=C sort -u "$OUT/listed" > "$OUT/packages.txt"
LC_ALL=C sort -u -o "$OUT/libraries.tsv" "$OUT/libraries.tsv"
tar -C "$OUT/prefix" --sort=name --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime,delete=mtime \
  --mtime="@$SOURCE_DATE_EPOCH" --numeric-owner --owner=0 --group=0 -cf "$OUT/root.tar" .
rm -rf "$root" "$OUT/prefix" "$OUT/one"
