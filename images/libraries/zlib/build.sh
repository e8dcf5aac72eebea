#!/bin/sh
# In the unpacked source, with the target's environment; installs below $PREFIX.
set -eu
if [ "$LINKAGE" = shared ]; then
  CHOST=$HOST ./configure --prefix="$PREFIX" --shared
  make -j"$(nproc)" libz.so.1.3.1
  make install-libs
  exit
fi
# configure knows neither Windows' nor Darwin's tools of another system; fifteen files need none of it.
unistd=-DHAVE_UNISTD_H
case $HOST in *-mingw32) unistd= ;; esac
for file in adler32 compress crc32 deflate gzclose gzlib gzread gzwrite infback inffast inflate inftrees trees uncompr zutil; do
  $CC $CFLAGS -O2 -fPIC -D_LARGEFILE64_SOURCE=1 $unistd -c "$file.c" -o "$file.o"
done
mkdir -p "$PREFIX/include" "$PREFIX/lib/pkgconfig"
$AR rcs "$PREFIX/lib/libz.a" ./*.o
cp zlib.h zconf.h "$PREFIX/include/"
sed -e "s,@prefix@,$PREFIX," -e "s,@exec_prefix@,$PREFIX," -e "s,@libdir@,$PREFIX/lib," -e "s,@sharedlibdir@,$PREFIX/lib," \
  -e "s,@includedir@,$PREFIX/include," -e 's,@VERSION@,1.3.1,' zlib.pc.in > "$PREFIX/lib/pkgconfig/zlib.pc"
