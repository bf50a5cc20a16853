#include "vdsm_hook/cli/props/domain_options.hpp"

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/front.hpp"

namespace vdsm_hook::cli {
namespace {

std::string locked_content(ReplaceableFile& file, std::size_t max_bytes) {
  file.lock();
  return file.read(max_bytes).value_or("");  // what is locked is there
}

}  // namespace

const LibvirtVms* libvirt_vms = nullptr;

DomainFile::DomainFile(const std::string& name, const Settings& settings)
    : file_(name), before_(locked_content(file_, settings.max_payload_bytes)), editor_(before_) {}

bool DomainFile::save() {
  if (editor_.document() == before_) return false;
  file_.replace(editor_.document());
  return true;
}

void DomainOptions::add_file_to(Arguments& arguments, const std::string& device_description) {
  arguments.option("--domxml", &domxml, kFile, "the domain XML that the VM is").required();
  arguments.option("--device", &device, "DEVICE", device_description).required();
}

Argument& DomainOptions::add_to(Arguments& arguments, const std::string& device_description, Value file) {
  auto& of_libvirt = arguments.positional(kVm, &vm, "its name, UUID or id in libvirt; none with --domxml");
  auto& uri = arguments.option("-c,--connect", &connect, kConnection, "of libvirt, instead of its own default");
  auto& of_file = arguments.option(
      "--domxml", &domxml, file,
      std::string("a domain XML that the VM is") + (file.metavar == kFile.metavar ? "" : "; - is stdin"));
  of_libvirt.gives_way_to(of_file.excludes(uri));
  arguments.option("--device", &device, "DEVICE", device_description);
  return of_file;
}

void DomainOptions::settle(const Arguments& arguments, std::string_view action, int argc, char** argv,
                           std::vector<std::string>* words, const std::string& type) {
  if (words != nullptr && !domxml.empty() && !vm.empty()) {
    words->insert(words->begin(), vm);
    vm.clear();
  }
  if (vm.empty() && domxml.empty()) throw arguments.misuse("give a VM, by its name, UUID or id, or --domxml FILE");
  if (!vm.empty() && !domxml.empty()) throw arguments.misuse("give a VM or --domxml FILE, not both");
  if (words != nullptr && words->empty()) throw arguments.misuse(type + " is required");
  if (!vm.empty() && libvirt_vms == nullptr) continue_with(kWithLibvirt, {"props", action}, argc, argv);
}

std::unique_ptr<ChangedDomain> DomainOptions::open(const Settings& settings) const {
  if (!vm.empty()) return libvirt_vms->open(connect, vm, settings);
  return std::make_unique<DomainFile>(domxml, settings);
}

Target target_of(const DomainEditor& domain, const std::string& device) {
  if (device.empty()) return {std::nullopt, "VM " + domain.facts().name};
  const auto place = domain.find_device(device);
  return {place, domain.devices()[place].to_text()};
}

}  // namespace vdsm_hook::cli
