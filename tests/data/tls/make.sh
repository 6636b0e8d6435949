#!/bin/sh
# Makes the certificates of this folder anew. Needs openssl 3; see README.md.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/ca.conf" <<CONF
[ca]
default_ca = test
[test]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = \${ENV::NAMES}
CONF
: > "$work/index"

# issue FILE COMMON_NAME SECTION FROM TO [signing options]
issue() {
  file=$1 name=$2 section=$3 from=$4 to=$5
  shift 5
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -subj "/CN=$name" -keyout "$work/$file.key" -out "$work/$file.csr" 2> /dev/null
  openssl ca -batch -notext -config "$work/ca.conf" -extensions "$section" \
    -startdate "$from" -enddate "$to" -in "$work/$file.csr" -out "$work/$file.crt" "$@" 2> /dev/null
}
leaf() {
  issue "$@" -cert "$work/root.crt" -keyfile "$work/root.key"
  cat "$work/$1.key" "$work/$1.crt" > "$1.pem"
}

export NAMES=DNS:unused
issue root "Trunkline test root" root 20200101000000Z 21000101000000Z \
  -selfsign -keyfile "$work/root.key"
cp "$work/root.crt" root.pem
export NAMES=DNS:localhost,DNS:*.hooks.example,IP:127.0.0.1
leaf server "Trunkline test server" leaf 20200101000000Z 21000101000000Z
leaf expired "Trunkline expired server" leaf 20200101000000Z 20200201000000Z
export NAMES=DNS:other.example
leaf other-host "Trunkline other host" leaf 20200101000000Z 21000101000000Z
