# Takes the address 10.0.0.$1 and sees that the three others are there.
ip addr add "10.0.0.$1/24" dev eth0
ip link set eth0 up
reach() {
  for try in 1 2 3 4 5 6 7 8; do
    ping -c 2 -W 1 "$1" && return
  done
  return 1
}
for n in 1 2 3 4; do
  [ "$n" = "$1" ] || reach "10.0.0.$n" || exit 1
done
