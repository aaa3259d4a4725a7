#!/bin/sh
# Downloads Debian's own kernel package into $KERNEL without installing it. Run by mmdebstrap as a hook.
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
cd "$KERNEL"
apt-get -q -o APT::Sandbox::User=root download "$image"
