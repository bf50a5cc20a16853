// Which metadata are about which device: the index finds what comparing each with each does.
#define BOOST_TEST_MODULE matching
#include <boost/test/unit_test.hpp>
#include <random>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/properties/devices.hpp"
#include "vdsm_hook/properties/editor.hpp"
#include "vdsm_hook/properties/matching.hpp"

using namespace vdsm_hook;
using boost::test_tools::per_element;
using Places = std::vector<std::size_t>;

namespace {

constexpr std::size_t kAll = 1000;

// Of a small world, so that much is alike; the same in each run.
class Chance {
 public:
  std::string one_of(const std::vector<std::string>& words) { return words[next_() % words.size()]; }
  bool is_so() { return next_() % 2 == 0; }

 private:
  std::mt19937 next_{7};
};

DeviceIdentity any_device(Chance& chance) {
  DeviceIdentity device;
  device.element = chance.one_of({"interface", "disk", "hostdev", "memballoon"});
  device.type = device.element == "hostdev" && chance.is_so() ? "mdev"
                : device.element == "memballoon"              ? "balloon"
                                                              : device.element;
  device.mac = chance.one_of({"", "52:54:00:00:00:0a", "52:54:00:00:00:0b"});
  device.alias = chance.one_of({"", "ua-1", "ua-2"});
  device.target = chance.one_of({"", "vda", "ua-1"});
  device.address = chance.one_of({"", "0000:01:00.0", "vda"});
  return device;
}

DeviceMetadata any_metadata(Chance& chance) {
  DeviceMetadata metadata;
  const auto say = [&](const std::string& name, const std::vector<std::string>& values) {
    if (chance.is_so()) metadata.attributes.emplace_back(name, chance.one_of(values));
  };
  if (chance.is_so()) say("mac_address", {"", "52:54:00:00:00:0A", "52:54:00:00:00:0b"});
  say("devtype", {"", "interface", "disk", "hostdev", "mdev", "balloon", "memballoon"});
  say("alias", {"", "ua-1", "ua-2"});
  say("name", {"", "vda", "ua-1"});
  say("address", {"0000:01:00.0", "vda"});
  return metadata;
}

}  // namespace

BOOST_AUTO_TEST_CASE(both_indices_find_what_comparing_each_with_each_finds) {
  Chance chance;
  std::size_t matches = 0;
  for (int world = 0; world < 30; ++world) {
    std::vector<DeviceIdentity> devices;
    std::vector<DeviceMetadata> metadata;
    for (int i = 0; i < 25; ++i) {
      devices.push_back(any_device(chance));
      metadata.push_back(any_metadata(chance));
    }
    const MetadataIndex of_metadata(metadata);
    const DeviceIndex of_devices(devices);
    for (const auto& device : devices) {
      Places expected;
      for (std::size_t i = 0; i < metadata.size(); ++i)
        if (metadata[i].is_about(device)) expected.push_back(i);
      BOOST_TEST(of_metadata.about(device, kAll) == expected, per_element());
      matches += expected.size();
      expected.resize(std::min<std::size_t>(expected.size(), 2));
      BOOST_TEST(of_metadata.about(device, 2) == expected, per_element());
    }
    for (const auto& one : metadata) {
      Places expected;
      for (std::size_t i = 0; i < devices.size(); ++i)
        if (one.is_about(devices[i])) expected.push_back(i);
      BOOST_TEST(of_devices.of(one, kAll) == expected, per_element());
    }
  }
  BOOST_TEST(matches > 500U);
}

BOOST_AUTO_TEST_CASE(the_profiles_of_as_many_devices_as_are_taken_are_written_out_and_one_more_is_refused) {
  const auto domain = [](std::size_t count) {
    std::string metadata, devices;
    for (std::size_t i = 0; i < count; ++i) {
      const auto alias = "ua-" + std::to_string(i);
      metadata += "<o:device alias='" + alias + "'><o:vnic_profile>red</o:vnic_profile></o:device>";
      devices += "<interface><alias name='" + alias + "'/></interface>";
    }
    return "<domain><name>a</name><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'>" + metadata +
           "</o:vm></metadata><devices>" + devices + "</devices></domain>";
  };
  DomainEditor editor(domain(kMaxDevices));
  std::vector<DomainEditor::ProfileOf> profiles;
  for (std::size_t i = 0; i < kMaxDevices; ++i) profiles.push_back({i, {{"speed", std::to_string(i)}}});
  editor.write_out(profiles);
  for (const auto& device : editor.devices())
    BOOST_TEST((editor.facts().about(device)->written_out == PropertyValues{{"speed", device.alias.substr(3)}}),
               device.alias);
  BOOST_CHECK_THROW(DomainEditor(domain(kMaxDevices + 1)), Error);
  BOOST_CHECK_THROW(device_elements(domain(kMaxDevices + 1)), Error);
}
