/**
 * What the API answers when it cannot do what was asked: Neutron's status, type and message. Clients match on the type, tools on the message, so one
 * row per error, and nothing else makes one.
 */
export class NeutronError extends Error {
  override readonly name = "NeutronError";
  /** HTTP status. */
  readonly status: number;
  /** Neutron's class of the error: the `type` of the body. */
  readonly type: string;

  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }

  toBody(): { readonly NeutronError: { readonly type: string; readonly message: string; readonly detail: string } } {
    return { NeutronError: { type: this.type, message: this.message, detail: "" } };
  }
}

const error = (status: number, type: string, message: string): NeutronError => new NeutronError(status, type, message);

// Requests that never reach a resource.
const INCOMPREHENSIBLE =
  "The server could not comply with the request since it is either malformed or otherwise incorrect.";
export const httpBadRequest = (message: string) => error(400, "HTTPBadRequest", message);
export const httpNotFound = (reason = "The resource could not be found.") => error(404, "HTTPNotFound", reason);
export const methodNotAllowed = () => error(405, "HTTPMethodNotAllowed", INCOMPREHENSIBLE);
export const malformedUrl = () => httpBadRequest(INCOMPREHENSIBLE);
export const bodyTooLarge = (limit: number) =>
  error(413, "HTTPRequestEntityTooLarge", `The body is larger than the limit of ${limit} bytes.`);
export const changeTooLarge = (reason: string) =>
  error(413, "HTTPRequestEntityTooLarge", `The store does not take a change of this size at once: ${reason}.`);
export const uriTooLong = (limit: number) =>
  error(414, "HTTPRequestURITooLong", `The request URI is longer than the limit of ${limit} characters.`);
export const internalError = () =>
  error(500, "HTTPInternalServerError", "Request Failed: internal server error while processing your request.");
export const unavailable = (reason: string) =>
  error(503, "ServiceUnavailable", `The service is unavailable: ${reason}.`);
export const unauthorized = () => error(401, "HTTPUnauthorized", "Authentication required.");

// Input that no state of the cloud could make right.
export const invalidInput = (reason: string) => error(400, "InvalidInput", `Invalid input for operation: ${reason}.`);
export const badRequest = (resource: string, reason: string) =>
  error(400, "BadRequest", `Bad ${resource} request: ${reason}.`);
export const objectExists = (resource: string, id: string) =>
  error(409, "Conflict", `A ${resource} with the id ${id} is there already.`);

// Networks.
export const networkNotFound = (id: string) => error(404, "NetworkNotFound", `Network ${id} could not be found.`);
export const networkInUse = (id: string, reason: string) =>
  error(409, "NetworkInUse", `Unable to complete operation on network ${id}. ${reason}.`);
export const noNetworkAvailable = () =>
  error(503, "NoNetworkAvailable", "Unable to create the network. No tenant network is available for allocation.");
export const tunnelIdInUse = (id: number) =>
  error(409, "TunnelIdInUse", `Unable to create the network. The tunnel ID ${id} is in use.`);
export const invalidSharedSetting = (name: string) =>
  error(
    409,
    "InvalidSharedSetting",
    `Unable to reconfigure sharing settings for network ${name}. Multiple tenants are using it.`,
  );
export const availabilityZoneNotFound = (zone: string) =>
  error(404, "AvailabilityZoneNotFound", `AvailabilityZone ${zone} could not be found.`);

// Subnets.
export const subnetNotFound = (id: string) => error(404, "SubnetNotFound", `Subnet ${id} could not be found.`);
export const subnetPoolNotFound = (id: string) =>
  error(404, "SubnetPoolNotFound", `Subnet pool ${id} could not be found.`);
export const subnetInUse = (
  id: string,
  reason = "One or more ports have an IP allocation from this subnet",
): NeutronError => error(409, "SubnetInUse", `Unable to complete operation on subnet ${id}: ${reason}.`);
export const invalidAllocationPool = (pool: string) =>
  error(400, "InvalidAllocationPool", `The allocation pool ${pool} is not valid.`);
export const outOfBoundsAllocationPool = (pool: string, cidr: string) =>
  error(400, "OutOfBoundsAllocationPool", `The allocation pool ${pool} spans beyond the subnet cidr ${cidr}.`);
export const overlappingAllocationPools = (a: string, b: string, cidr: string) =>
  error(409, "OverlappingAllocationPools", `Found overlapping allocation pools: ${a} ${b} for subnet ${cidr}.`);
export const gatewayConflictWithAllocationPools = (gateway: string, pool: string) =>
  error(409, "GatewayConflictWithAllocationPools", `Gateway ip ${gateway} conflicts with allocation pool ${pool}.`);
export const gatewayNotAllocatable = (gateway: string, cidr: string) =>
  error(409, "IpamValueInvalid", `Gateway IP ${gateway} cannot be allocated in CIDR ${cidr}`);
export const gatewayIpInUse = (gateway: string, portId: string) =>
  error(409, "GatewayIpInUse", `Current gateway ip ${gateway} already in use by port ${portId}. Unable to update.`);
export const dnsNameServersExhausted = (id: string, limit: number) =>
  error(
    400,
    "DNSNameServersExhausted",
    `Unable to complete operation for ${id}. The number of DNS nameservers exceeds the limit ${limit}.`,
  );
export const hostRoutesExhausted = (id: string, limit: number) =>
  error(
    400,
    "HostRoutesExhausted",
    `Unable to complete operation for ${id}. The number of host routes exceeds the limit ${limit}.`,
  );
export const invalidSubnetServiceType = (type: string) =>
  error(400, "InvalidSubnetServiceType", `Subnet service type ${type} does not correspond to a valid device owner.`);
export const invalidInputSubnetServiceType = (type: string) =>
  error(400, "InvalidInputSubnetServiceType", `Subnet service type ${type} is not a string.`);

// Ports and their addresses.
export const portNotFound = (id: string) => error(404, "PortNotFound", `Port ${id} could not be found.`);
export const macAddressInUse = (networkId: string, mac: string) =>
  error(
    409,
    "MacAddressInUse",
    `Unable to complete operation for network ${networkId}. The mac address ${mac} is in use.`,
  );
export const ipAddressAlreadyAllocated = (ip: string, subnetId: string) =>
  error(409, "IpAddressAlreadyAllocated", `IP address ${ip} already allocated in subnet ${subnetId}`);
export const ipAddressGenerationFailure = (networkId: string) =>
  error(409, "IpAddressGenerationFailure", `No more IP addresses available on network ${networkId}.`);
export const noMatchingServiceSubnet = (networkId: string, owner: string) =>
  error(
    409,
    "IpAddressGenerationFailureNoMatchingSubnet",
    `No valid service subnet for the given device owner, network ${networkId}, service type ${owner}.`,
  );
export const invalidIpForNetwork = (ip: string) =>
  error(
    400,
    "InvalidIpForNetwork",
    `IP address ${ip} is not a valid IP for any of the subnets on the specified network.`,
  );
export const invalidIpForSubnet = (ip: string) =>
  error(400, "InvalidIpForSubnet", `IP address ${ip} is not a valid IP for the specified subnet.`);
export const allocationOnAutoAddressSubnet = (ip: string, subnetId: string) =>
  error(
    400,
    "AllocationOnAutoAddressSubnet",
    `IPv6 address ${ip} cannot be directly assigned to a port on subnet ${subnetId} as the subnet is configured for automatic addresses`,
  );
export const portBound = (id: string, vifType: string, oldMac: string, newMac: string) =>
  error(
    409,
    "PortBound",
    `Unable to complete operation on port ${id}, port is already bound, port type: ${vifType}, old_mac ${oldMac}, new_mac ${newMac}.`,
  );
export const portInUse = (id: string, networkId: string, deviceId: string) =>
  error(
    409,
    "PortInUse",
    `Unable to complete operation on port ${id} for network ${networkId}. Port already has an attached device ${deviceId}.`,
  );
export const servicePortInUse = (id: string, reason: string) =>
  error(409, "ServicePortInUse", `Port ${id} cannot be deleted directly via the port API: ${reason}.`);
export const unsupportedPortDeviceOwner = (operation: string, id: string, owner: string) =>
  error(
    409,
    "UnsupportedPortDeviceOwner",
    `Operation ${operation} is not supported for device_owner ${owner} on port ${id}.`,
  );
export const addressPairAndPortSecurityRequired = () =>
  error(
    409,
    "AddressPairAndPortSecurityRequired",
    "Port Security must be enabled in order to have allowed address pairs on a port.",
  );
export const addressPairMissingIp = () =>
  error(400, "AllowedAddressPairsMissingIP", "AllowedAddressPair must contain ip_address");
export const duplicateAddressPair = (mac: string, ip: string) =>
  error(
    400,
    "DuplicateAddressPairInRequest",
    `Request contains duplicate address pair: mac_address ${mac} ip_address ${ip}.`,
  );
export const addressPairExhausted = (limit: number) =>
  error(400, "AllowedAddressPairExhausted", `The number of allowed address pair exceeds the maximum ${limit}.`);

// Routers.
export const routerNotFound = (id: string) => error(404, "RouterNotFound", `Router ${id} could not be found`);
export const routerInUse = (id: string, reason: string) => error(409, "RouterInUse", `Router ${id} ${reason}`);
export const routerInterfaceNotFound = (id: string, portId: string) =>
  error(404, "RouterInterfaceNotFound", `Router ${id} does not have an interface with id ${portId}`);
export const routerInterfaceNotFoundForSubnet = (id: string, subnetId: string) =>
  error(404, "RouterInterfaceNotFoundForSubnet", `Router ${id} has no interface on subnet ${subnetId}`);
export const routerInterfaceInUseByRoute = (id: string, subnetId: string) =>
  error(
    409,
    "RouterInterfaceInUseByRoute",
    `Router interface for subnet ${subnetId} on router ${id} cannot be deleted, as it is required by one or more routes.`,
  );
export const subnetMismatchForPort = (portId: string, subnetId: string) =>
  error(400, "SubnetMismatchForPort", `Subnet on port ${portId} does not match the requested subnet ${subnetId}.`);
export const invalidRoutes = (routes: string, reason: string) =>
  error(400, "InvalidRoutes", `Invalid format for routes: ${routes}, ${reason}`);
export const routesExhausted = (id: string, limit: number) =>
  error(
    400,
    "RoutesExhausted",
    `Unable to complete operation for ${id}. The number of routes exceeds the maximum ${limit}.`,
  );

// Security groups.
export const securityGroupNotFound = (id: string) =>
  error(404, "SecurityGroupNotFound", `Security group ${id} does not exist`);
export const securityGroupInUse = (id: string) => error(409, "SecurityGroupInUse", `Security Group ${id} in use.`);
export const securityGroupConflict = (reason: string) =>
  error(409, "SecurityGroupConflict", `Error ${reason} while attempting the operation.`);
export const defaultGroupAlreadyExists = () =>
  error(409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.");
export const cannotRemoveDefaultGroup = () =>
  error(409, "SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.");
export const cannotUpdateDefaultGroup = () =>
  error(409, "SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.");
export const portSecurityRequiredForGroups = () =>
  error(
    400,
    "PortSecurityAndIPRequiredForSecurityGroups",
    "Port security must be enabled and port must have an IP address in order to use security groups.",
  );
export const portHasSecurityGroup = () =>
  error(
    409,
    "PortSecurityPortHasSecurityGroup",
    "Port has security group associated. Cannot disable port security or IP address until security group is removed.",
  );

// Rules of security groups.
export const securityGroupRuleNotFound = (id: string) =>
  error(404, "SecurityGroupRuleNotFound", `Security group rule ${id} does not exist`);
export const securityGroupRuleExists = (id: string) =>
  error(409, "SecurityGroupRuleExists", `Security group rule already exists. Rule id is ${id}.`);
export const duplicateRuleInPost = () =>
  error(409, "DuplicateSecurityGroupRuleInPost", "Duplicate Security Group Rule in POST.");
export const rulesOfSeveralGroups = () =>
  error(400, "SecurityGroupNotSingleGroupRules", "Only allowed to update rules for one security profile at a time");
export const rulesOfSeveralProjects = () =>
  error(400, "SecurityGroupRulesNotSingleTenant", "Multiple tenant_ids in bulk security group rule create not allowed");
export const ruleInvalidEthertype = (ethertype: string, values: string) =>
  error(
    400,
    "SecurityGroupRuleInvalidEtherType",
    `Security group rule for ethertype '${ethertype}' not supported. Allowed values are ${values}.`,
  );
export const ruleInvalidProtocol = (protocol: string, values: string) =>
  error(
    400,
    "SecurityGroupRuleInvalidProtocol",
    `Security group rule protocol ${protocol} not supported. Only protocol values ${values} and integer representations [0 to 255] are supported.`,
  );
export const invalidCidr = (input: string) => error(400, "InvalidCIDR", `Invalid CIDR ${input} given as IP prefix.`);
export const rulePrefixConflict = (ethertype: string, cidr: string) =>
  error(400, "SecurityGroupRuleParameterConflict", `Conflicting value ethertype ${ethertype} for CIDR ${cidr}`);
export const ruleProtocolConflict = (ethertype: string, protocol: string) =>
  error(400, "SecurityGroupEthertypeConflictWithProtocol", `Invalid ethertype ${ethertype} for protocol ${protocol}.`);
export const ruleInvalidPort = (port: string) =>
  error(400, "SecurityGroupInvalidPortValue", `Invalid value for port ${port}`);
export const ruleInvalidPortRange = () =>
  error(400, "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max");
export const ruleInvalidProtocolForPort = (protocol: number) =>
  error(
    400,
    "SecurityGroupInvalidProtocolForPort",
    `Ports cannot be specified for protocol ${protocol}. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.`,
  );
export const ruleInvalidIcmpValue = (field: string, attribute: string, value: number) =>
  error(
    400,
    "SecurityGroupInvalidIcmpValue",
    `Invalid value for ICMP ${field} (${attribute}) ${value}. It must be 0 to 255.`,
  );
export const ruleMissingIcmpType = (code: number) =>
  error(
    400,
    "SecurityGroupMissingIcmpType",
    `ICMP code (port-range-max) ${code} is provided but ICMP type (port-range-min) is missing.`,
  );
export const ruleProtocolRequiredWithPorts = () =>
  error(400, "SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given.");
export const ruleOfSeveralRemotes = () =>
  error(
    400,
    "SecurityGroupMultipleRemoteEntites",
    "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.",
  );

// Address groups.
export const addressGroupNotFound = (id: string) =>
  error(404, "AddressGroupNotFound", `Address group ${id} could not be found.`);
export const addressGroupInUse = (id: string) =>
  error(409, "AddressGroupInUse", `Address group ${id} is in use on one or more security group rules.`);
export const invalidNetwork = (text: string) => error(400, "AddrFormatError", `invalid IPNetwork ${text}`);
export const addressesNotFound = (addresses: string, id: string) =>
  error(404, "AddressesNotFound", `Addresses ${addresses} not found in the address group ${id}.`);
export const addressesAlreadyExist = (addresses: string, id: string) =>
  error(400, "AddressesAlreadyExist", `Addresses ${addresses} already exist in the address group ${id}.`);

// Everything else.
export const agentNotFound = (id: string) => error(404, "AgentNotFound", `Agent ${id} could not be found.`);
export const agentAlive = (id: string) =>
  error(409, "AgentInUse", `Agent ${id} is alive: stop it on its host before deleting it.`);
export const tagNotFound = (tag: string) => error(404, "TagNotFound", `Tag ${tag} could not be found.`);
export const tagResourceNotFound = (resource: string, id: string) =>
  error(404, "TagResourceNotFound", `Resource ${resource} ${id} could not be found.`);
export const overQuota = (resources: readonly string[]) =>
  error(409, "OverQuota", `Quota exceeded for resources: [${resources.map((r) => `'${r}'`).join(", ")}].`);
export const projectQuotaNotFound = (projectId: string) =>
  error(404, "TenantQuotaNotFound", `Quota for tenant ${projectId} could not be found.`);
export const revisionMismatch = (expected: number, current: unknown) =>
  error(
    412,
    "RevisionNumberConstraintFailed",
    `Constrained to ${expected}, but current revision is ${String(current)}`,
  );
