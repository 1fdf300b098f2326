# Takes the address 10.0.0.$1 and sees that the three others are there.
ip addr add "10.0.0.$1/24" dev eth0
ip link set eth0 up
for n in 1 2 3 4; do
  [ "$n" = "$1" ] || ping -c 2 -w 30 "10.0.0.$n" || exit 1
done
