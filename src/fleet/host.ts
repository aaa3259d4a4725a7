import {requirePrivilege} from '../host/index.ts'
import {Host, type HostOptions} from '../server/index.ts'
import {type ApplyOptions, applyFleet} from './apply.ts'
import {type BootOptions, type BootReport, boot} from './boot.ts'
import {loadFleet} from './file/index.ts'
import {checkFitOf, type FitRow} from './fit/index.ts'
import type {PlanOptions} from './options.ts'
import {planFleet} from './plan.ts'
import type {ApplyReport} from './report.ts'
import {installService, type ServiceOptions, type ServiceReport} from './service/index.ts'
import {type ShutdownOptions, type ShutdownReport, shutdown} from './shutdown.ts'
import type {FleetPlan} from './types.ts'

/** A host with verbs that are about many servers together. */
export class FleetHost extends Host {
  static override async open(options: HostOptions = {}): Promise<FleetHost> {
    return new FleetHost(await Host.openContext(options))
  }

  /** Whether this host can hold `servers` servers in all: what they need against what there is. Changes nothing. */
  async fit(servers: number): Promise<FitRow[]> {
    return await checkFitOf(this.context(), servers)
  }

  /**
   * What an apply of these fleet files would do. Changes nothing.
   * @throws VpsError INVALID_FLEET, DEPENDENCY_CYCLE (exit 2); FOREIGN_SERVER, CANNOT_CHANGE (exit 4); DOES_NOT_FIT (exit 5)
   */
  async plan(files: readonly string[], options: PlanOptions = {}): Promise<FleetPlan> {
    const context = this.context(options.progress)
    const {plan} = await planFleet(context, await this.#load(files, options), options)
    return plan
  }

  /**
   * Makes the servers of these fleet files, and changes, starts and stops those that are there, until all is as the files say. Only
   * servers of this fleet are touched. Killed at any moment, the same call goes on where it stopped.
   * @throws VpsError what `plan` throws; BUSY (exit 4); NOT_CONFIRMED. Servers that fail are in the report.
   */
  async apply(files: readonly string[], options: ApplyOptions = {}): Promise<ApplyReport> {
    const context = this.context(options.progress)
    return await applyFleet(context, await this.#load(files, options), options)
  }

  async #load(files: readonly string[], {variables}: PlanOptions) {
    return await loadFleet(this.context(), files, variables === undefined ? {} : {variables})
  }

  /** Starts the servers that shall run once the host is up, in the order that `after` says; those that run are left alone. */
  async boot(options: BootOptions = {}): Promise<BootReport> {
    await requirePrivilege('boot')
    return await boot(this, this.context(options.progress, options.signal), options)
  }

  /** Writes and enables the service that boots and shuts down with the host, or takes it away. */
  async installService(options: ServiceOptions = {}): Promise<ServiceReport> {
    await requirePrivilege('install-service')
    return await installService(this.paths, options)
  }

  /** Stops all servers in the reverse order, kills what does not stop in time, and remembers who ran for the next boot. */
  async shutdown(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    await requirePrivilege('shutdown')
    return await shutdown(this, this.context(options.progress, options.signal), options)
  }
}
