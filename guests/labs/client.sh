# Fetches the server's file, compares it, says so, and waits to be let go.
get() {
  until wget -q -T 5 -O "$2" "http://10.0.0.1/$1" 2> /dev/null; do sleep 1; done
}
get numbers numbers
sha256sum numbers
seq 1 300000 | cmp - numbers || exit 1
get cgi-bin/have /dev/null
get end /dev/null
