#!/bin/sh
# Lays interpreters that uv installed out as Debian's packages lie, and writes them as one tar.
#
#   INSTALLED  folder of uv's installations
#   PYTHON     3.12, …
#   HOST       name of the installation that the root itself starts; empty for none
#   SYSROOTS   space-separated <installation>:<Debian's architecture>:<multiarch triple> whose headers and sysconfig data are
#              added under opt/wheelfarm/debs/<architecture> (may be empty)
#   OUT        an existing folder: overlay.tar is written here
#
# uv writes the path of an installation into its sysconfig data; it becomes /usr.
set -eu
umask 022
tree=$OUT/tree
mkdir -p "$tree/usr"
described() { cat "$1/lib/python$PYTHON"/_sysconfigdata_*.py | sed -e "s,$1,/usr,g" -e 's,/install\b,/usr,g'; }
if [ -n "$HOST" ]; then
  from=$INSTALLED/$HOST
  mkdir -p "$tree/usr/bin" "$tree/usr/include"
  cp -R "$from/lib" "$tree/usr/lib"
  mkdir -p "$tree/usr/lib/python3"
  cp -R "$from/include/." "$tree/usr/include/"
  cp "$from/bin/python$PYTHON" "$tree/usr/bin/"
  ln -s "python$PYTHON" "$tree/usr/bin/python3"
  library=$tree/usr/lib/python$PYTHON
  name=$(basename "$library"/_sysconfigdata_*.py)
  described "$from" > "$OUT/described"
  mv "$OUT/described" "$library/$name"
  # Tests, static libraries, Tcl and what is for a person at a terminal stay out.
  rm -rf "$library"/config-* "$library/test" "$library/idlelib" "$library/tkinter" "$library/turtledemo" "$library/EXTERNALLY-MANAGED" \
    "$tree"/usr/lib/tcl* "$tree"/usr/lib/tk* "$tree"/usr/lib/itcl* "$tree"/usr/lib/thread* "$tree/usr/lib/pkgconfig"
fi
for sysroot in $SYSROOTS; do
  installed=${sysroot%%:*}
  rest=${sysroot#*:}
  from=$INSTALLED/$installed
  to=$tree/opt/wheelfarm/debs/${rest%%:*}/usr
  triple=${rest##*:}
  mkdir -p "$to/include/$triple/python$PYTHON" "$to/lib/python$PYTHON"
  cp -R "$from/include/python$PYTHON" "$to/include/"
  cp "$from/include/python$PYTHON/pyconfig.h" "$to/include/$triple/python$PYTHON/pyconfig.h"
  described "$from" > "$to/lib/python$PYTHON/_sysconfigdata__$triple.py"
done
tar -C "$tree" --sort=name --numeric-owner --owner=0 --group=0 --mtime="@$SOURCE_DATE_EPOCH" -cf "$OUT/overlay.tar" .
rm -rf "$tree"
