#!/bin/sh
# In the unpacked source, with the target's environment; installs below $PREFIX. bookworm's source has a configure script,
# trixie's has not.
set -eu
# src/tramp.c calls a function of closures.c that no header declares; its type is what C once took such a call for.
export CFLAGS="$CFLAGS -Wno-error=implicit-function-declaration"
kind="--enable-shared --disable-static"
[ "$LINKAGE" = shared ] || kind="--disable-shared --enable-static"
case $HOST in
  # Mach-O has no subsections that one line of call frame information could span, and clang says so.
  aarch64-apple-*) export libffi_cv_as_cfi_pseudo_op=no ;;
esac
./configure --host="$HOST" --build="$BUILD" --prefix="$PREFIX" --libdir="$PREFIX/lib" $kind --with-pic --disable-docs \
  --disable-multi-os-directory --disable-dependency-tracking
make -j"$(nproc)" V=1
make install
rm -rf "$PREFIX"/lib/*.la "$PREFIX/share"
