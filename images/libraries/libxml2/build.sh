#!/bin/sh
# In the unpacked source, with the target's environment; installs below $PREFIX. The library alone: neither programs nor
# documents.
set -eu
kind="--enable-shared --disable-static"
iconv=--with-iconv
if [ "$LINKAGE" = static ]; then
  kind="--disable-shared --enable-static"
  # Windows has none, and the files of macOS that are here have not its library: UTF-8, UTF-16, ISO 8859 and ASCII are there.
  iconv=--without-iconv
  # On Windows the headers ask for a DLL unless they are told.
  sed -i '1i #define LIBXML_STATIC 1' include/libxml/xmlexports.h
fi
./configure --host="$HOST" --build="$BUILD" --prefix="$PREFIX" --libdir="$PREFIX/lib" $kind --with-pic $iconv \
  --with-zlib="$PREFIX" --without-python --without-modules --without-docs --without-debug --disable-dependency-tracking
make -j"$(nproc)" V=1 libxml2.la
make install-libLTLIBRARIES install-pkgconfigDATA
make -C include install
rm -rf "$PREFIX"/lib/*.la "$PREFIX/share"
