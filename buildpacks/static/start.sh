#!/bin/bash
# Serves the site of /app on $PORT. Nginx's variables are not the shell's: only the port is put in.
mkdir -p /tmp/nginx
sed "s/@PORT@/${PORT:?PORT is not set}/" /app/.grille/static/nginx.conf >/tmp/nginx/nginx.conf
exec nginx -p /tmp/nginx -c /tmp/nginx/nginx.conf -e stderr
