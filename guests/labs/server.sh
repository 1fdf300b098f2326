# Serves a file until three clients have said that they have it, and lets them go.
mkdir -p /www/cgi-bin
seq 1 300000 > /www/numbers
cat > /www/cgi-bin/have <<'CGI'
#!/bin/sh
echo >> /tmp/have
printf 'Content-Type: text/plain\r\n\r\n'
CGI
chmod +x /www/cgi-bin/have
httpd -p 80 -h /www
until [ "$(wc -l 2> /dev/null < /tmp/have)" = 3 ]; do sleep 1; done
touch /www/end
echo "three clients have it"
sleep 3
