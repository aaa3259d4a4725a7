import {Host, type HostOptions} from '../server/index.ts'

/** A host with verbs that are about many servers together. */
export class FleetHost extends Host {
  static override async open(options: HostOptions = {}): Promise<FleetHost> {
    return new FleetHost(await Host.openContext(options))
  }
}
