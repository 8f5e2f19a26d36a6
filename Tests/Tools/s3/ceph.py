#!/usr/bin/python3
"""ceph.py: a Ceph object gateway with a cluster of one monitor and one storage daemon, for tests and benchmarks.

Needs the Debian packages radosgw, ceph-mon and ceph-osd; not root. supervisor.py says how it is used.
"""
import json
import os
import time
import uuid

import rados
import supervisor

CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{mon_port}/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
ms_bind_port_min = {osd_port}
ms_bind_port_max = {osd_port_end}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
# The gateway's default is a secure connection, which there is none of without authentication.
ms_mon_client_mode = crc
ms_mon_cluster_mode = crc
ms_mon_service_mode = crc
ms_client_mode = crc
ms_cluster_mode = crc
ms_service_mode = crc
auth_allow_insecure_global_id_reclaim = false
keyring = {directory}/keyring
run_dir = {directory}
admin_socket =
pid_file =
log_file = {directory}/$name.log
crash_dir = {directory}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
# Every change of the cluster's map waits for these.
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_data_avail_warn = 2
mon_data_avail_crit = 1
[mon]
mon_data = {directory}/mon
mon_cluster_log_file = {directory}/cluster.log
[osd]
osd_data = {directory}/osd
osd_objectstore = {store}
memstore_device_bytes = {size}
bluestore_block_size = {size}
bluestore_block_create = true
osd_memory_target = 1G
osd_class_load_list = *
osd_class_default_list = *
osd_numa_auto_affinity = false
[client.rgw]
# Without tcp_nodelay a small answer waits 40 ms for the client's acknowledgement.
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw_data = {directory}/rgw
rgw_thread_pool_size = 64
rgw_enable_usage_log = false
rgw_dynamic_resharding = false
rgw_override_bucket_index_max_shards = 1
rgw_run_sync_thread = false
# What was deleted frees its memory soon.
rgw_gc_obj_min_wait = 5
rgw_gc_processor_period = 5
"""

POOLS = [
    ".rgw.root", "default.rgw.log", "default.rgw.control", "default.rgw.meta", "default.rgw.buckets.index",
    "default.rgw.buckets.non-ec", "default.rgw.buckets.data",
]


class Ceph(supervisor.Server):
    @classmethod
    def add_options(cls, parser):
        parser.add_argument("--store", choices=["memstore", "bluestore"], default="memstore", help="of the bytes")
        parser.add_argument("--size", default="8G", help="most bytes it stores; on disk as a sparse file")

    def prepare(self):
        mon_port = supervisor.free_ports(12)
        self.port = self.options.port or mon_port + 11
        fsid = str(uuid.uuid4())
        settings = CONFIGURATION.format(
            fsid=fsid, directory=self.directory, port=self.port, mon_port=mon_port, osd_port=mon_port + 1,
            osd_port_end=mon_port + 10, store=self.options.store, size=self.options.size,
        )
        self.environment = {"CEPH_CONF": self.write("ceph.conf", settings)}
        self.write("keyring", "")
        for name in ("mon", "osd", "rgw"):
            os.mkdir(self.file(name))
        self.start_monitor(fsid, mon_port)
        self.start_storage()
        user = ["--uid=test", "--display-name=test"]
        keys = [f"--access-key={supervisor.ACCESS_KEY}", f"--secret-key={supervisor.SECRET_KEY}"]
        self.run(["radosgw-admin", "user", "create", *user, *keys], **self.environment)

    def start_monitor(self, fsid, port):
        address = f"[v2:127.0.0.1:{port}/0]"
        monmap = self.file("monmap")
        self.run(["monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap])
        self.run(["ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap], **self.environment)
        self.start("monitor", ["ceph-mon", "-f", "-i", "a"], **self.environment)

    def start_storage(self):
        identifier = str(uuid.uuid4())
        settings = {"log_file": "", "client_mount_timeout": str(supervisor.START_LIMIT)}
        with rados.Rados(conffile=self.environment["CEPH_CONF"], conf=settings) as cluster:
            self.command(cluster, prefix="osd new", uuid=identifier)
            self.run(["ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identifier], **self.environment)
            self.start("storage", ["ceph-osd", "-f", "-i", "0"], **self.environment)
            for pool in POOLS:
                self.command(cluster, prefix="osd pool create", pool=pool, pg_num=4)
                self.command(cluster, prefix="osd pool application enable", pool=pool, app="rgw")
            # A client that comes before the daemon is up waits for seconds.
            end = time.monotonic() + supervisor.START_LIMIT
            while json.loads(self.command(cluster, prefix="osd stat", format="json"))["num_up_osds"] == 0:
                self.check_programs()
                if time.monotonic() > end:
                    raise supervisor.Failed("the storage daemon did not come up")
                time.sleep(0.01)

    @staticmethod
    def command(cluster, **arguments):
        status, output, text = cluster.mon_command(json.dumps(arguments), b"", timeout=supervisor.START_LIMIT)
        if status != 0:
            raise supervisor.Failed(f"{arguments}: {status} {text}")
        return output

    def start_gateway(self):
        self.start("gateway", ["radosgw", "-f", "-n", "client.rgw"], **self.environment)


if __name__ == "__main__":
    supervisor.main(Ceph, __doc__.splitlines()[0])
