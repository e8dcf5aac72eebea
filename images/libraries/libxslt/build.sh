#!/bin/sh
# In the unpacked source, with the target's environment; installs below $PREFIX. The two libraries alone.
set -eu
kind="--enable-shared --disable-static"
if [ "$LINKAGE" = static ]; then
  kind="--disable-shared --enable-static"
  # On Windows the headers ask for a DLL unless they are told.
  sed -i '1i #define LIBXSLT_STATIC 1' libxslt/xsltexports.h
  sed -i '1i #define LIBEXSLT_STATIC 1' libexslt/exsltexports.h
fi
./configure --host="$HOST" --build="$BUILD" --prefix="$PREFIX" --libdir="$PREFIX/lib" $kind --with-pic \
  --without-python --without-crypto --without-debugger --without-profiler --disable-dependency-tracking
for part in libxslt libexslt; do
  make -j"$(nproc)" V=1 -C "$part"
  make -C "$part" install
done
make install-pkgconfigDATA
rm -rf "$PREFIX"/lib/*.la "$PREFIX/share" "$PREFIX/lib/xsltConf.sh" "$PREFIX/lib/cmake"
