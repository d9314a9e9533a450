#!/usr/bin/env bash
# install_nvim.sh PREFIX: Neovim 0.12 as PREFIX/bin/nvim. One that is on the PATH and new enough is used; else the package
# of a newer Debian suite is unpacked there with all its libraries, the C library too. The system stays as it is.
set -euo pipefail
prefix=$(realpath -m "$1") suite=forky keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$prefix/bin"

if nvim=$(command -v nvim) && "$nvim" --clean --headless '+lua if vim.fn.has("nvim-0.12") == 0 then vim.cmd.cquit() end' +q 2>/dev/null; then
  ln -sf "$nvim" "$prefix/bin/nvim"
  exit
fi
if ! command -v apt-get >/dev/null || [ ! -e "$keyring" ]; then
  echo "no Neovim 0.12 on the PATH, and no Debian to take one from: its tests are skipped" >&2
  exit
fi

# Apt with a state of its own that knows of no installed package, so that it fetches everything that is needed.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian$' | sort -u | sed -n 1p)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,archives/partial}
: > "$work/status"
echo "deb [signed-by=$keyring] $mirror $suite main" > "$work/sources.list"
apt=(apt-get -qq -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::SourceList="$work/sources.list"
  -o Dir::State::Lists="$work/lists" -o Dir::State::Status="$work/status" -o Dir::Cache="$work"
  -o Acquire::Languages=none -o APT::Sandbox::User=root -o Debug::NoLocking=1)
"${apt[@]}" update
"${apt[@]}" install --yes --download-only --no-install-recommends neovim
rm -rf "$prefix/root"
for package in "$work"/archives/*.deb; do
  dpkg -x "$package" "$prefix/root"
done

# The binary is told where its libraries are: a wrapper around the loader would not do, as nvim starts itself again.
binary=$prefix/root/usr/bin/nvim
libraries=$(dirname "$(find "$prefix/root/usr/lib" -name 'libc.so.6' | sed -n 1p)")
loader=$(find "$libraries" "$prefix/root/usr/lib64" -maxdepth 1 -name 'ld-linux*' 2>/dev/null | sed -n 1p)
patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$binary"
share=$prefix/root/usr/share/nvim
printf '#!/bin/sh\nexport VIM="%s" VIMRUNTIME="%s/runtime"\nexec "%s" "$@"\n' "$share" "$share" "$binary" > "$prefix/bin/nvim"
chmod +x "$prefix/bin/nvim"
"$prefix/bin/nvim" --version | sed -n 1p
