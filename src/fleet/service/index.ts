/*
 * The service that a host runs at its boot and its shutdown: `vps boot` and `vps shutdown`, for systemd or as an init script.
 */
export {installService, type ServiceKind, type ServiceOptions, type ServiceReport} from './install.ts'
