#!/bin/sh
# In the unpacked source, with the target's environment; installs below $PREFIX. bookworm's source has a configure script,
# trixie's has not.
set -eu
# src/tramp.c calls a function of closures.c that no header declares; its type is what C once took such a call for.
export CFLAGS="$CFLAGS -Wno-error=implicit-function-declaration"
kind="--enable-shared --disable-static"
[ "$LINKAGE" = shared ] || kind="--disable-shared --enable-static"
case $HOST in
  # Mach-O has no subsections that one line of call frame information could span, and clang says so. The header is one of
  # Apple's that zig has not: the pages of this machine have 16 KiB.
  aarch64-apple-*)
    export libffi_cv_as_cfi_pseudo_op=no
    mkdir -p "$TMPDIR/darwin/mach/machine"
    printf '#define PAGE_MAX_SHIFT 14\n#define PAGE_MAX_SIZE (1 << PAGE_MAX_SHIFT)\n' > "$TMPDIR/darwin/mach/machine/vm_param.h"
    export CFLAGS="$CFLAGS -idirafter $TMPDIR/darwin"
    ;;
esac
./configure --host="$HOST" --build="$BUILD" --prefix="$PREFIX" --libdir="$PREFIX/lib" $kind --with-pic --disable-docs \
  --disable-multi-os-directory --disable-dependency-tracking
make -j"$(nproc)" V=1
make install
rm -rf "$PREFIX"/lib/*.la "$PREFIX/share"
