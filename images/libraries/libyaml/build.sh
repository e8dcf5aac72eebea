#!/bin/sh
# In the unpacked source, with the target's environment; installs below $PREFIX. Debian's source has no configure script:
# eight files and four macros need none.
set -eu
mkdir -p "$PREFIX/include" "$PREFIX/lib/pkgconfig"
set -- -O2 -fPIC -Iinclude -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 -DYAML_VERSION_PATCH=5 '-DYAML_VERSION_STRING="0.2.5"'
if [ "$LINKAGE" = shared ]; then
  $CC $CFLAGS "$@" -shared src/*.c -Wl,-soname,libyaml-0.so.2 -o "$PREFIX/lib/libyaml-0.so.2"
  ln -s libyaml-0.so.2 "$PREFIX/lib/libyaml.so"
  cp include/yaml.h "$PREFIX/include/"
else
  # On Windows the header asks for a DLL unless it is told.
  for file in src/*.c; do $CC $CFLAGS "$@" -DYAML_DECLARE_STATIC -c "$file" -o "$file.o"; done
  $AR rcs "$PREFIX/lib/libyaml.a" src/*.o
  { echo '#define YAML_DECLARE_STATIC 1'; cat include/yaml.h; } > "$PREFIX/include/yaml.h"
fi
sed -e "s,@prefix@,$PREFIX," -e "s,@exec_prefix@,$PREFIX," -e "s,@includedir@,$PREFIX/include," \
  -e "s,@libdir@,$PREFIX/lib," -e 's,@PACKAGE_VERSION@,0.2.5,' yaml-0.1.pc.in > "$PREFIX/lib/pkgconfig/yaml-0.1.pc"
