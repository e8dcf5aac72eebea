#!/bin/sh
# In the unpacked source, with the target's environment; installs below $PREFIX.
set -eu
CHOST=$HOST ./configure --prefix="$PREFIX" --shared
make -j2 libz.so.1.3.1
make install-libs
