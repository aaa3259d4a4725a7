import type {ServerRoot} from './root.ts'

const SEED = '/var/lib/cloud/seed/nocloud'

/** What cloud-init would do otherwise is done by `vps`: users of its own, names, the network. */
const USER_DATA = {
  users: [],
  disable_root: false,
  preserve_hostname: true,
  manage_etc_hosts: false,
  ssh_deletekeys: true,
  package_update: false,
}
const CONFIG = {datasource_list: ['NoCloud'], network: {config: 'disabled'}}

/**
 * A root with cloud-init gets a NoCloud seed: it finds who it is at once, instead of asking the network for a cloud, makes fresh host keys,
 * and leaves alone what is set up here. JSON is YAML.
 */
export function seedCloudInit(root: ServerRoot, uuid: string): void {
  if (!root.has('/usr/bin/cloud-init')) return
  const secret = {mode: 0o600, uid: 0, gid: 0}
  root.write(`${SEED}/meta-data`, `${JSON.stringify({'instance-id': uuid})}\n`, secret)
  root.write(`${SEED}/user-data`, `#cloud-config\n${JSON.stringify(USER_DATA)}\n`, secret)
  root.write('/etc/cloud/cloud.cfg.d/99-vps.cfg', `${JSON.stringify(CONFIG)}\n`, {...secret, mode: 0o644})
}
