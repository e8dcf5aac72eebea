#!/bin/sh
# In the unpacked source, with the target's environment; installs below $PREFIX. OpenSSL is configured by perl, which the
# images have not: $TOOLS has one of Debian's.
set -eu
mkdir -p "$TMPDIR/perl"
cat > "$TMPDIR/perl/perl" <<WRAPPER
#!/bin/sh
export LD_LIBRARY_PATH=$TOOLS/lib/x86_64-linux-gnu:$TOOLS/usr/lib/x86_64-linux-gnu
export PERL5LIB=$TOOLS/usr/lib/x86_64-linux-gnu/perl-base:$TOOLS/usr/lib/x86_64-linux-gnu/perl/5.36:$TOOLS/usr/share/perl/5.36 LC_ALL=C
exec $TOOLS/usr/bin/perl "\$@"
WRAPPER
chmod 755 "$TMPDIR/perl/perl"
export PATH="$TMPDIR/perl:$PATH" PERL="$TMPDIR/perl/perl"
case $HOST-$MACHINE in
  *-mingw32-AMD64) name=mingw64 ;;
  # OpenSSL has assembler for this machine in MSVC's form only; the C of every algorithm is there.
  *-mingw32-ARM64)
    name=mingw-arm64
    cat > mingw-arm64.conf <<'CONF'
my %targets = ('mingw-arm64' => {inherit_from => ['mingw64'], cflags => '', asm_arch => undef, perlasm_scheme => undef, multilib => '-arm64'});
CONF
    set -- --config=mingw-arm64.conf no-asm ;;
  *-apple-darwin-x86_64) name=darwin64-x86_64 ;;
  *-apple-darwin-arm64) name=darwin64-arm64 ;;
  *-x86_64) name=linux-x86_64 ;;
  *-aarch64) name=linux-aarch64 ;;
  *-armv7l) name=linux-armv4 ;;
  *-ppc64le) name=linux-ppc64le ;;
  *-s390x) name=linux64-s390x ;;
  *-riscv64) name=linux64-riscv64 ;;
  *) echo "no OpenSSL configuration for $HOST on $MACHINE"; exit 1 ;;
esac
[ "$LINKAGE" = shared ] || set -- "$@" no-shared
# Providers and engines that would be files of their own are built in: a wheel brings two libraries along, no folder.
perl Configure "$name" no-tests no-apps no-docs no-module no-dynamic-engine no-ssl3 no-weak-ssl-ciphers "$@" \
  --prefix=/usr/local --libdir=lib --openssldir=/etc/ssl
make -s -j"$(nproc)" build_generated
make -s depend
# Each library alone: `build_libs` would compile all of it twice, for the static and for the shared one.
suffix=.so
[ "$LINKAGE" = shared ] || suffix=.a
make -s -j"$(nproc)" "libcrypto$suffix" "libssl$suffix"
mkdir -p "$PREFIX/lib/pkgconfig" "$PREFIX/include/openssl"
cp include/openssl/*.h "$PREFIX/include/openssl/"
cp -P libcrypto"$suffix"* libssl"$suffix"* "$PREFIX/lib/"
describe() {
  printf 'Name: %s\nDescription: %s\nVersion: 3.5.7\nCflags: -I%s/include\n' "$1" "$2" "$PREFIX" > "$PREFIX/lib/pkgconfig/$1.pc"
  printf '%s\n' "$3" >> "$PREFIX/lib/pkgconfig/$1.pc"
}
describe libcrypto 'OpenSSL, cryptography' "Libs: -L$PREFIX/lib -lcrypto"
describe libssl 'OpenSSL, TLS' "Libs: -L$PREFIX/lib -lssl
Requires: libcrypto"
describe openssl 'OpenSSL' 'Requires: libssl libcrypto'
