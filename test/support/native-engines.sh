#!/usr/bin/env bash
# A native PostgreSQL 17 with pgvector and a native Redis, for the tests and benches that the embedded engines cannot serve:
# concurrency, locks, termination of backends, speed. Debian's own packages in a chroot, so nothing is installed on the host
# beyond debootstrap. Kept between runs. Needs root on a Debian or Ubuntu machine.
#
#   native-engines.sh start [directory]   prints LOCAL_DATABASE_URL=… and LOCAL_REDIS_URL=…, one a line; does nothing twice
#   native-engines.sh standby [directory] a second PostgreSQL that follows the first; prints LOCAL_STANDBY_URL=… as well
#   native-engines.sh stop  [directory]   ends all by their process ids; data stays, but the standby's, which is copied anew
#   native-engines.sh wipe  [directory]   stop, then forget the data (the installed system stays)
#
#   export $(test/support/native-engines.sh start)
#
# A second directory (say /tmp/mine) is a second pair of engines over the same installed system.
set -euo pipefail

verb=${1:-start}
system=${DBRAG_NATIVE_SYSTEM:-/var/lib/dbrag-native/root}
# The engines live inside the chroot, so a run's directory is a name there.
name=$(printf '%s' "${2:-default}" | tr -c 'A-Za-z0-9\n' '-')
inside=/srv/engines/$name
run=$system$inside
binaries=/usr/lib/postgresql/17/bin

install_system() {
  [ -e "$system/.complete" ] && return
  mkdir -p "$(dirname "$system")"
  exec 9>"$(dirname "$system")/.installing"
  flock 9
  [ -e "$system/.complete" ] && { exec 9>&-; return; }
  if ! command -v debootstrap >/dev/null; then apt-get update -qq >&2 && apt-get install -y -qq debootstrap >&2; fi
  rm -rf "$system"
  # shellcheck disable=SC2046
  debootstrap $(keyring_option) --variant=minbase --include=postgresql-17,postgresql-17-pgvector,redis-server \
    trixie "$system" $(debian_mirror) >&2 || { tail -n 20 "$system/debootstrap/debootstrap.log" >&2 || true; exit 1; }
  touch "$system/.complete"
  # The engines would keep it open, and whoever waits for the installation would wait for their end.
  exec 9>&-
}

# The mirror that this machine's own apt uses; nothing (debootstrap's default) where that is not a Debian mirror.
debian_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' | grep -E '/debian/?$' | head -n 1 || true
}

# Trixie's release is signed with keys that the archive keyring holds since 2023; Ubuntu has it as a package.
keyring_option() {
  if [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
    { apt-get update -qq && apt-get install -y -qq debian-archive-keyring; } >&2
  fi
  echo --keyring=/usr/share/keyrings/debian-archive-keyring.gpg
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

as() { chroot --userspec="$1" "$system" "${@:2}"; }

# A process id may have gone to another program since: its name is asked too.
alive() { [ -s "$1" ] && grep -qE '^(postgres|redis-server)$' "/proc/$(head -n 1 "$1")/comm" 2>/dev/null; }

start_postgres() {
  alive "$run/data/postmaster.pid" && return
  if [ ! -e "$run/data/PG_VERSION" ]; then
    as postgres:postgres $binaries/initdb -D "$inside/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-instructions >&2
    # Everyone but the superuser shows a password, so that tests see real logins.
    printf 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n' >"$run/data/pg_hba.conf"
    cat >"$run/data/postgresql.auto.conf" <<'SETTINGS'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
maintenance_work_mem = '1GB'
max_wal_size = '4GB'
random_page_cost = 1.1
shared_memory_type = mmap
dynamic_shared_memory_type = mmap
SETTINGS
    free_port >"$run/postgres.port"
  fi
  as postgres:postgres $binaries/pg_ctl -D "$inside/data" -w -t 60 -l "$inside/postgres.log" \
    -o "-p $(cat "$run/postgres.port") -c shared_buffers=${SHARED_BUFFERS:-2GB}" start >&2 || { tail -n 20 "$run/postgres.log" >&2; exit 1; }
}

start_redis() {
  alive "$run/redis/redis.pid" && return
  [ -s "$run/redis.port" ] || free_port >"$run/redis.port"
  as redis:redis redis-server --bind 127.0.0.1 --port "$(cat "$run/redis.port")" --daemonize yes --save '' --appendonly no \
    --dir "$inside/redis" --pidfile "$inside/redis/redis.pid" --logfile "$inside/redis/redis.log" >&2
}

# Streaming replication, as a copy of the whole server: tests make databases in it, and find them here.
start_standby() {
  alive "$run/standby/postmaster.pid" && return
  local port
  port=$(cat "$run/postgres.port")
  if ! grep -q '^host replication' "$run/data/pg_hba.conf"; then
    echo 'host replication postgres 127.0.0.1/32 trust' >>"$run/data/pg_hba.conf"
    kill -HUP "$(head -n 1 "$run/data/postmaster.pid")"
  fi
  rm -rf "$run/standby"
  as postgres:postgres $binaries/pg_basebackup -h 127.0.0.1 -p "$port" -U postgres -D "$inside/standby" -R -X stream -c fast >&2
  free_port >"$run/standby.port"
  as postgres:postgres $binaries/pg_ctl -D "$inside/standby" -w -t 60 -l "$inside/standby.log" \
    -o "-p $(cat "$run/standby.port") -c shared_buffers=128MB" start >&2 || { tail -n 20 "$run/standby.log" >&2; exit 1; }
}

stop() {
  for file in "$run/standby/postmaster.pid" "$run/data/postmaster.pid" "$run/redis/redis.pid"; do
    alive "$file" || continue
    pid=$(head -n 1 "$file")
    # INT is Postgres' fast shutdown and Redis' orderly one.
    kill -INT "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  done
}

case $verb in
  start | standby)
    install_system
    mkdir -p "$run/redis"
    chroot "$system" chown postgres:postgres "$inside"
    chroot "$system" chown redis:redis "$inside/redis"
    start_postgres
    start_redis
    echo "LOCAL_DATABASE_URL=postgres://postgres@127.0.0.1:$(cat "$run/postgres.port")/postgres"
    echo "LOCAL_REDIS_URL=redis://127.0.0.1:$(cat "$run/redis.port")"
    if [ "$verb" = standby ]; then
      start_standby
      echo "LOCAL_STANDBY_URL=postgres://postgres@127.0.0.1:$(cat "$run/standby.port")/postgres"
    fi
    ;;
  stop) stop ;;
  wipe) stop; rm -rf "$run" ;;
  *) echo "usage: $0 start|standby|stop|wipe [directory]" >&2; exit 2 ;;
esac
