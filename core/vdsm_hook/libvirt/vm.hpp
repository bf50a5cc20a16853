// What the commands of `vdsm-hook vm` do to the VMs of one libvirt. Every one of them throws LibvirtError with virsh's
// words for what it could not do, after hooks have been told; and what Lifecycle throws. Flags are libvirt's own,
// VIR_DOMAIN_*.
#pragma once

#include "vdsm_hook/libvirt/vm_define.hpp"
#include "vdsm_hook/libvirt/vm_devices.hpp"
#include "vdsm_hook/libvirt/vm_end.hpp"
#include "vdsm_hook/libvirt/vm_host.hpp"
#include "vdsm_hook/libvirt/vm_migrate.hpp"
#include "vdsm_hook/libvirt/vm_password.hpp"
#include "vdsm_hook/libvirt/vm_pause.hpp"
#include "vdsm_hook/libvirt/vm_recover.hpp"
#include "vdsm_hook/libvirt/vm_resources.hpp"
#include "vdsm_hook/libvirt/vm_restore.hpp"
#include "vdsm_hook/libvirt/vm_save.hpp"
#include "vdsm_hook/libvirt/vm_start.hpp"
