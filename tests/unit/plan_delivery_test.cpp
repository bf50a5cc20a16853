// Custom properties between the domain XML and the hooks: which are a device's, who defines them, what is held back.
#define BOOST_TEST_MODULE plan_delivery
#include <boost/test/unit_test.hpp>

#include "plan_host.hpp"
#include "vdsm_hook/base/limits.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using Names = std::vector<std::string>;
using boost::test_tools::per_element;

namespace {

// Defines yesno for VMs and speed for vNICs; the store has what the test says.
struct Host : PlanHost {
  explicit Host(const std::string& store = {}) {
    for (const auto& event : {kVetoes, kLogs, kDevice, kIncoming, kIncomingDevice})
      hook(event, "50_a",
           "name = 'an_example'\n[vm_properties]\nyesno = '^(true|false)$'\n"
           "[device_properties.interface]\nspeed = '^[0-9]+$'\nduplex = "
           "'^(half|full)$'\n[device_properties.hostdev]\nspeed = '.*'\n"
           "[device_properties.mdev]\nspeed = '.*'\n");
    if (!store.empty()) dir.file("config/properties.toml", store);
  }
};

std::string nic(const std::string& mac, const std::string& rest = {}) {
  return "<interface type='bridge'><mac address='" + mac + "'/>" + rest + "</interface>";
}

const std::string kMac = "52:54:00:00:00:0A", kOther = "52:54:00:00:00:0b";

std::string about(const std::string& attributes, const std::string& custom, const std::string& rest = {}) {
  return "<o:device " + attributes + ">" + rest + (custom.empty() ? "" : "<o:custom>" + custom + "</o:custom>") +
         "</o:device>";
}

Request device_request(const std::string& metadata, const std::string& device, const std::string& event = kDevice) {
  auto made = request(event, "<domain><name>web-1</name><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'>" + metadata +
                                 "</o:vm></metadata></domain>");
  made.document = device;
  return made;
}

Names words(const Variables& variables) {
  Names found;
  for (const auto& [name, value] : variables) found.push_back(name + "=" + value);
  std::sort(found.begin(), found.end());
  return found;
}

const std::string kSpeed = "<o:speed>100</o:speed>";

}  // namespace

BOOST_AUTO_TEST_CASE(a_value_that_its_definition_refuses_stops_an_event_that_can_veto) {
  const Host host;
  const auto prepared = host.prepare(request(kVetoes, domain("<o:yesno>maybe</o:yesno>")));
  BOOST_TEST(prepared.plan.is_blocked);
  BOOST_REQUIRE(prepared.plan.problems.size() == 1U);
  check_words(prepared.plan.problems[0].why,
              {"yesno=maybe: not one of: true, false (pattern ^(true|false)$, declared by vdsm-hook-an-example)"});
}

BOOST_AUTO_TEST_CASE(so_does_one_that_the_caller_gives) {
  const Host host;
  auto asked = request(kVetoes);
  asked.properties = {{"yesno", "maybe"}};
  const auto prepared = host.prepare(asked);
  BOOST_TEST(prepared.plan.is_blocked);
  check_words(prepared.plan.problems.at(0).why, {"yesno=maybe"});
}

BOOST_AUTO_TEST_CASE(where_nothing_can_be_stopped_it_is_left_out) {
  const Host host;
  const auto prepared = host.prepare(request(kLogs, domain("<o:yesno>maybe</o:yesno><o:sap_agent>true</o:sap_agent>")));
  BOOST_TEST(!prepared.plan.is_blocked);
  BOOST_TEST(words(prepared.vm_properties) == Names{"sap_agent=true"}, per_element());
  check_words(prepared.plan.problems.at(0).why, {"yesno=maybe", "left out"});
}

BOOST_AUTO_TEST_CASE(a_definition_of_the_administrator_replaces_the_hooks_and_ovirts) {
  const Host host("[UserDefinedVMProperties]\n'4.7' = 'yesno=^perhaps$;sap_agent=x'\n'4.8' = 'yesno=^maybe$'\n");
  BOOST_TEST(host.prepare(request(kVetoes, domain("<o:yesno>maybe</o:yesno><o:sap_agent>x</o:sap_agent>")))
                 .plan.problems.empty());
  check_words(host.prepare(request(kVetoes, domain("<o:yesno>true</o:yesno>"))).plan.problems.at(0).why,
              {"^maybe$", "UserDefinedVMProperties"});
  check_words(host.prepare(request(kVetoes, domain("<o:sap_agent>true</o:sap_agent>"))).plan.problems.at(0).why,
              {"UserDefinedVMProperties (level 4.7)"});
}

BOOST_AUTO_TEST_CASE(the_next_event_sees_a_changed_store) {
  const Host host("[UserDefinedVMProperties]\n'4.8' = 'extra=^a$'\n");
  const Engine engine(host.settings);
  const auto asked = request(kVetoes, domain("<o:extra>b</o:extra>"));
  BOOST_TEST(engine.plan(asked).is_blocked);
  host.dir.file("config/properties.toml", "[UserDefinedVMProperties]\n'4.8' = 'extra=^(a|b)$'\n");
  BOOST_TEST(!engine.plan(asked).is_blocked);
}

// It used to be delivered with a note.
BOOST_AUTO_TEST_CASE(what_nobody_defines_is_withheld_with_a_warning) {
  const Host host;
  for (const auto& event : {kVetoes, kLogs, kIncoming}) {
    const auto prepared = host.prepare(
        request(event, domain("<o:yesn>x</o:yesn><o:KRAKEN_OPTIONS>x</o:KRAKEN_OPTIONS><o:yesno>true</o:yesno>")));
    BOOST_TEST(words(prepared.vm_properties) == Names{"yesno=true"}, per_element());
    BOOST_TEST((!prepared.plan.is_blocked && prepared.plan.notes.empty()));
    BOOST_REQUIRE(prepared.plan.problems.size() == 2U);
    BOOST_TEST((!prepared.plan.problems[0].vetoes && !prepared.plan.problems[1].vetoes));
    check_words(prepared.plan.problems[0].what, {"custom property yesn of the domain's metadata"});
    check_words(prepared.plan.problems[0].why,
                {"withheld", "nothing", "did you mean yesno?", "vdsm-hook props define 'yesn=PATTERN'"});
    check_words(prepared.plan.problems[1].what, {"KRAKEN_OPTIONS"});
  }
}

BOOST_AUTO_TEST_CASE(what_the_caller_gives_needs_no_definition) {
  const Host host;
  for (const auto& event : {kVetoes, kIncoming}) {
    auto asked = request(event, domain("<o:strange>x</o:strange><o:yesno>true</o:yesno>"));
    asked.properties = {{"strange", "y"}};
    const auto prepared = host.prepare(asked);
    BOOST_TEST(words(prepared.vm_properties) == (Names{"strange=y", "yesno=true"}), per_element());
    BOOST_TEST(prepared.plan.problems.empty());
    check_words(prepared.plan.notes.at(0), {"strange", "delivered as it is"});
  }
}

BOOST_AUTO_TEST_CASE(a_devices_and_its_profiles_undefined_properties_are_withheld_too) {
  const Host host("[profiles.red.properties]\nodd = '10'\n");
  for (const auto& event : {kDevice, kIncomingDevice}) {
    const auto metadata =
        about("mac_address='" + kMac + "'", kSpeed + "<o:strange>x</o:strange><o:even profile='red'>2</o:even>",
              "<o:vnic_profile>red</o:vnic_profile>");
    const auto prepared = host.prepare(device_request(metadata, nic(kMac), event));
    BOOST_TEST(words(prepared.device_properties) == Names{"speed=100"}, per_element());
    BOOST_REQUIRE(prepared.plan.problems.size() == 2U);
    check_words(prepared.plan.problems[0].what, {event == kDevice ? "odd" : "even", "of the vNIC profile 'red'"});
    check_words(prepared.plan.problems[1].why, {"vdsm-hook props define --device interface 'strange=PATTERN'"});
  }
}

BOOST_AUTO_TEST_CASE(the_configuration_lets_it_through_for_a_vm_of_this_host_only) {
  Host host;
  host.settings.delivers_undefined = true;
  const auto of_event = [&](const std::string& event) {
    return host.prepare(request(event, domain("<o:strange>x</o:strange>")));
  };
  for (const auto& event : {kVetoes, kLogs}) {
    BOOST_TEST(words(of_event(event).vm_properties) == Names{"strange=x"}, per_element());
    BOOST_TEST(of_event(event).plan.problems.empty());
    check_words(of_event(event).plan.notes.at(0), {"strange", "delivered as it is"});
  }
  BOOST_TEST(of_event(kIncoming).vm_properties.empty());
  check_words(of_event(kIncoming).plan.problems.at(0).what, {"strange"});
  // What is reserved stays so.
  BOOST_TEST(host.prepare(request(kLogs, domain("<o:TAR_OPTIONS>x</o:TAR_OPTIONS>"))).vm_properties.empty());
  BOOST_TEST(host.plan(request(kVetoes, domain("<o:TAR_OPTIONS>x</o:TAR_OPTIONS>"))).is_blocked);
}

BOOST_AUTO_TEST_CASE(a_condition_of_any_hook_of_the_host_defines_the_property) {
  const Host host;
  host.hook(kNone, "50_other",
            "[when]\nany_property = ['either', 'PATH']\n[when.property]\nmode = 'a'\n[when." + kNone +
                ".device_property]\nrate = '[0-9]+'\n");
  const auto vms = domain("<o:mode>b c</o:mode><o:either>1</o:either><o:rate>7</o:rate>");
  BOOST_TEST(words(host.prepare(request(kVetoes, vms)).vm_properties) == (Names{"either=1", "mode=b c"}),
             per_element());
  const auto device = device_request(
      about("mac_address='" + kMac + "'", "<o:mode>b</o:mode><o:either>1</o:either><o:rate>x</o:rate>"), nic(kMac));
  BOOST_TEST(words(host.prepare(device).device_properties) == (Names{"either=1", "rate=x"}), per_element());
  BOOST_TEST(host.plan(request(kVetoes, domain("<o:PATH>x</o:PATH>"))).is_blocked);
}

BOOST_AUTO_TEST_CASE(a_definition_without_a_sound_pattern_lets_nothing_through) {
  const Host host;
  host.hook(kNone, "50_other", "[vm_properties]\nbroken = '('\n");
  const auto plan = host.plan(request(kVetoes, domain("<o:broken>x</o:broken>")));
  BOOST_TEST(plan.is_blocked);
  check_words(plan.problems.at(0).why, {"its definition is wrong", "50_other.toml:2:"});
  BOOST_TEST(host.plan(request(kVetoes)).problems.empty());
}

BOOST_AUTO_TEST_CASE(more_properties_than_are_taken_stop_the_event_or_none_is_delivered) {
  Host host;
  host.settings.delivers_undefined = true;
  const auto many = [](std::size_t count) {
    std::string custom;
    for (std::size_t i = 0; i < count; ++i) custom += "<o:p" + std::to_string(i) + ">x</o:p" + std::to_string(i) + ">";
    return custom;
  };
  const auto fits = host.prepare(request(kVetoes, domain(many(kMaxProperties))));
  BOOST_TEST((fits.vm_properties.size() == kMaxProperties && fits.plan.problems.empty()));
  const auto too_many = domain(many(40 * kMaxProperties));
  const auto stopped = host.plan(request(kVetoes, too_many));
  BOOST_TEST(stopped.is_blocked);
  BOOST_REQUIRE(stopped.problems.size() == 1U);
  check_words(stopped.problems[0].why, {"40000 custom properties", "at most 1000"});
  const auto prepared = host.prepare(request(kLogs, too_many));
  BOOST_TEST(prepared.vm_properties.empty());
  BOOST_TEST(lines(prepared.plan) == Names{"50_a"}, per_element());
  BOOST_TEST((prepared.plan.problems.size() == 1U && !prepared.plan.problems[0].vetoes));
  auto compat = request(kVetoes, too_many);
  compat.compat_vdsm = true;
  BOOST_TEST(host.prepare(compat).vm_properties.size() == 40 * kMaxProperties);

  std::string devices;
  for (std::size_t i = 0; i <= kMaxDevices; ++i) devices += about("alias='ua-" + std::to_string(i) + "'", kSpeed);
  check_words(host.plan(device_request(devices, nic(kMac))).problems.at(0).why,
              {std::to_string(kMaxDevices + 1) + " devices"});
  check_words(host.plan(device_request(about("alias='ua-1'", many(kMaxProperties + 1)), nic(kMac))).problems.at(0).why,
              {"of one device, in line 1"});
}

BOOST_AUTO_TEST_CASE(upstreams_rules_pass_everything_on) {
  const Host host;
  for (const auto& event : {kVetoes, kIncoming}) {
    auto asked = request(event, domain("<o:strange>x</o:strange><o:yesno>maybe</o:yesno>"));
    asked.compat_vdsm = true;
    const auto prepared = host.prepare(asked);
    BOOST_TEST(words(prepared.vm_properties) == (Names{"strange=x", "yesno=maybe"}), per_element());
    BOOST_TEST((prepared.plan.problems.empty() && prepared.plan.notes.empty()));
  }
}

BOOST_AUTO_TEST_CASE(a_property_that_is_there_twice_is_a_problem) {
  const Host host;
  for (const auto& twice :
       {"<o:yesno>true</o:yesno><o:yesno>true</o:yesno>", "<o:other>1</o:other><o:other>2</o:other>"}) {
    const auto prepared = host.prepare(request(kVetoes, domain(twice)));
    BOOST_TEST(prepared.plan.is_blocked);
    check_words(prepared.plan.problems.at(0).why, {"more than once"});
  }
}

BOOST_AUTO_TEST_CASE(a_device_gets_its_own_properties_and_never_anothers) {
  const Host host;
  struct Row {
    std::string attributes, device;
    bool is_its;
  };
  const std::vector<Row> rows{
      {"mac_address='" + kMac + "'", nic(kMac), true},
      {"mac_address='52:54:00:00:00:0a'", nic(kMac), true},
      {"mac_address='" + kMac + "'", nic(kOther), false},
      {"mac_address='" + kMac + "'", "<interface/>", false},
      {"mac_address='" + kMac + "' alias='net0'", nic(kMac, "<alias name='net7'/>"), true},
      {"alias='ua-1'", nic(kMac, "<alias name='ua-1'/>"), true},
      {"alias='ua-1'", nic(kMac, "<alias name='ua-2'/>"), false},
      {"alias='ua-1'", nic(kMac), false},
      {"alias='ua-1' devtype='disk'", nic(kMac, "<alias name='ua-1'/>"), false},
      {"alias='ua-1' devtype='interface'", nic(kMac, "<alias name='ua-1'/>"), true},
      {"name='vnet3'", nic(kMac, "<target dev='vnet3'/>"), true},
      {"name='vnet3'", nic(kMac, "<target dev='vnet4'/>"), false},
      {"address='0000:05:00.1'",
       nic(kMac, "<address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x1'/>"), true},
      {"address='0000:05:00.1'",
       nic(kMac, "<address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>"), false},
      {"devtype='interface'", nic(kMac), false},
      {"id='7'", nic(kMac), false},
  };
  for (const auto& row : rows) {
    const auto prepared = host.prepare(device_request(about(row.attributes, kSpeed), row.device));
    BOOST_TEST(words(prepared.device_properties) == (row.is_its ? Names{"speed=100"} : Names{}),
               row.attributes << " " << row.device);
  }
}

BOOST_AUTO_TEST_CASE(host_devices_are_found_by_the_hosts_address) {
  const Host host;
  const std::string device =
      "<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x06' slot='0x02' function='0x0'/>"
      "</source><address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></hostdev>";
  for (const auto& [attributes, is_its] : std::vector<std::pair<std::string, bool>>{
           {"devtype='hostdev' address='0000:06:02.0'", true}, {"devtype='hostdev' address='0000:01:00.0'", false}})
    BOOST_TEST(words(host.prepare(device_request(about(attributes, kSpeed), device)).device_properties).size() ==
               (is_its ? 1U : 0U));
  const std::string mdev =
      "<hostdev mode='subsystem' type='mdev'><source><address "
      "uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>";
  BOOST_TEST(
      host.prepare(device_request(about("devtype='mdev' address='c2177883-f1bb-47f0-914d-32a22e3a8804'", kSpeed), mdev))
          .device_properties.size() == 1U);
}

BOOST_AUTO_TEST_CASE(two_elements_for_one_device_are_a_problem_with_their_lines) {
  const Host host;
  const auto asked =
      device_request(about("mac_address='" + kMac + "'", kSpeed) + "\n\n" + about("alias='ua-1'", kSpeed),
                     nic(kMac, "<alias name='ua-1'/>"));
  const auto plan = host.plan(asked);
  BOOST_TEST(plan.is_blocked);
  check_words(plan.problems.at(0).what, {"interface 52:54:00:00:00:0a"});
  check_words(plan.problems.at(0).why, {"two elements", "lines 1 and 3"});
}

BOOST_AUTO_TEST_CASE(a_vnics_own_properties_are_laid_over_its_profiles) {
  const Host host("[profiles.\"the red one\".properties]\nspeed = '10'\nduplex = 'full'\n");
  const std::string refers = "<o:vnic_profile>the red one</o:vnic_profile>";
  auto asked = device_request(about("mac_address='" + kMac + "'", "", refers), nic(kMac));
  BOOST_TEST(words(host.prepare(asked).device_properties) == (Names{"duplex=full", "speed=10"}), per_element());
  asked = device_request(about("mac_address='" + kMac + "'", kSpeed, refers), nic(kMac));
  BOOST_TEST(words(host.prepare(asked).device_properties) == (Names{"duplex=full", "speed=100"}), per_element());
  asked.device_properties = {{"speed", "1000"}};
  BOOST_TEST(words(host.prepare(asked).device_properties) == (Names{"duplex=full", "speed=1000"}), per_element());

  host.dir.file("config/properties.toml", "[profiles.\"the red one\".properties]\nspeed = '25'\n");
  asked = device_request(about("mac_address='" + kMac + "'", "", refers), nic(kMac));
  BOOST_TEST(words(host.prepare(asked).device_properties) == Names{"speed=25"}, per_element());
}

BOOST_AUTO_TEST_CASE(a_profile_that_there_is_none_of_stops_the_start_and_its_near_name_is_said) {
  const Host host("[profiles.red.properties]\n");
  const auto plan = host.plan(
      device_request(about("mac_address='" + kMac + "'", kSpeed, "<o:vnic_profile>rad</o:vnic_profile>"), nic(kMac)));
  BOOST_TEST(plan.is_blocked);
  check_words(plan.problems.at(0).what, {"'rad'"});
  check_words(plan.problems.at(0).why, {"interface 52:54:00:00:00:0a", "did you mean red?"});
}

BOOST_AUTO_TEST_CASE(hooks_of_the_vm_find_the_profiles_properties_in_the_document_that_is_used) {
  const Host host("[profiles.red.properties]\nspeed = '10'\nduplex = 'full'\n");
  const std::string begin = "<domain><name>web-1</name><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'>",
                    end = "</o:vm></metadata><devices>" + nic(kMac) + nic(kOther) + "</devices></domain>";
  const auto before = about("mac_address='" + kMac + "'", kSpeed, "<o:vnic_profile>red</o:vnic_profile>") +
                      about("mac_address='" + kOther + "'", "", "<o:vnic_profile>red</o:vnic_profile>");
  const auto document = host.prepare(request(kVetoes, begin + before + end)).document;
  BOOST_REQUIRE(document.has_value());
  BOOST_TEST(*document ==
             begin +
                 about("mac_address='" + kMac + "'", kSpeed + "<o:duplex profile=\"red\">full</o:duplex>",
                       "<o:vnic_profile>red</o:vnic_profile>") +
                 about("mac_address='" + kOther + "'", "",
                       "<o:vnic_profile>red</o:vnic_profile><o:custom><o:speed profile=\"red\">10</o:speed><o:duplex "
                       "profile=\"red\">full</o:duplex></o:custom>") +
                 end);
  BOOST_TEST(!host.prepare(request(kLogs, begin + before + end)).document.has_value());
  BOOST_TEST(
      !host.prepare(request(kVetoes, begin + about("mac_address='" + kMac + "'", kSpeed) + end)).document.has_value());

  const auto missing = host.plan(
      request(kVetoes, begin + about("mac_address='" + kMac + "'", "", "<o:vnic_profile>rad</o:vnic_profile>") + end));
  BOOST_TEST(missing.is_blocked);
  BOOST_TEST(lines(missing) == Names{"50_a: nothing is started: see the problems"}, per_element());
}

BOOST_AUTO_TEST_CASE(the_store_is_only_needed_by_who_has_properties) {
  const Host host("[UserDefinedVMProperties\n");
  BOOST_TEST(host.plan(request(kVetoes)).problems.empty());
  const auto plan = host.plan(request(kVetoes, domain("<o:yesno>true</o:yesno>")));
  BOOST_TEST(plan.is_blocked);
  check_words(plan.problems.at(0).why, {"config/properties.toml:1:"});
}

BOOST_AUTO_TEST_CASE(a_store_that_cannot_be_read_does_not_keep_hooks_from_cleaning_up) {
  const Host host("[UserDefinedVMProperties\n");
  const auto prepared = host.prepare(request(kLogs, domain("<o:yesno>true</o:yesno>")));
  BOOST_TEST(lines(prepared.plan) == Names{"50_a"}, per_element());
  BOOST_TEST(words(prepared.vm_properties) == Names{"yesno=true"}, per_element());
  BOOST_TEST(prepared.plan.problems.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_store_that_others_could_have_written_is_not_read) {
  const Host host("[UserDefinedVMProperties]\n");
  boost::filesystem::permissions(host.dir / "config/properties.toml", boost::filesystem::perms(0666));
  const auto plan = host.plan(request(kVetoes, domain("<o:yesno>true</o:yesno>")));
  BOOST_TEST(plan.is_blocked);
  check_words(plan.problems.at(0).why, {"config/properties.toml is not read"});
}

BOOST_AUTO_TEST_CASE(a_running_vm_keeps_what_its_profile_said_when_it_started) {
  const Host host("[profiles.red.properties]\nspeed = '25'\n");
  const auto started = about("mac_address='" + kMac + "'", "<o:speed profile='red'>10</o:speed>",
                             "<o:vnic_profile>red</o:vnic_profile>");
  const auto later = event_with(PayloadKind::device_xml, false);
  host.hook(later, "50_a");
  for (const auto& [event, speed] : std::vector<std::pair<std::string, std::string>>{
           {kDevice, "speed=25"}, {later, "speed=10"}, {kIncomingDevice, "speed=10"}})
    BOOST_TEST(words(host.prepare(device_request(started, nic(kMac), event)).device_properties) == Names{speed},
               per_element());
}

BOOST_AUTO_TEST_CASE(a_vm_that_comes_in_needs_no_profile_of_this_host) {
  const Host host;
  const auto started = about("mac_address='" + kMac + "'", "<o:speed profile='red'>10</o:speed>",
                             "<o:vnic_profile>red</o:vnic_profile>");
  const auto prepared = host.prepare(device_request(started, nic(kMac), kIncomingDevice));
  BOOST_TEST((prepared.plan.problems.empty() && prepared.plan.notes.empty()));
  BOOST_TEST(words(prepared.device_properties) == Names{"speed=10"}, per_element());
}

BOOST_AUTO_TEST_CASE(a_value_of_a_profile_that_is_wrong_names_the_profile) {
  const Host host("[profiles.red.properties]\nspeed = 'fast'\n");
  const auto plan = host.plan(
      device_request(about("mac_address='" + kMac + "'", "", "<o:vnic_profile>red</o:vnic_profile>"), nic(kMac)));
  check_words(plan.problems.at(0).what, {"custom property speed of the vNIC profile 'red'"});
}

BOOST_AUTO_TEST_CASE(values_of_devices_are_judged_where_hooks_of_the_vm_find_them) {
  const Host host;
  const auto document = "<domain><name>web-1</name><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'>" +
                        about("mac_address='" + kMac + "'", "<o:speed>fast</o:speed>") + "</o:vm></metadata><devices>" +
                        nic(kMac) + "</devices></domain>";
  const auto plan = host.plan(request(kVetoes, document));
  BOOST_TEST(plan.is_blocked);
  check_words(plan.problems.at(0).why, {"speed=fast: does not match"});
  auto compat = request(kVetoes, document);
  compat.compat_vdsm = true;
  BOOST_TEST(!host.plan(compat).is_blocked);
}

BOOST_AUTO_TEST_CASE(elements_that_may_be_there_once_are_a_problem_when_they_are_there_twice) {
  const Host host;
  const auto document =
      "<domain><name>web-1</name><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'/>\n"
      "<o:vm xmlns:o='http://ovirt.org/vm/1.0'/></metadata></domain>";
  const auto plan = host.plan(request(kVetoes, document));
  BOOST_TEST(plan.is_blocked);
  check_words(plan.problems.at(0).why, {"two elements <vm>", "lines 1 and 2"});
}

BOOST_AUTO_TEST_CASE(upstreams_rules_go_on_without_profile_store_or_single_elements) {
  const Host host("[UserDefinedVMProperties\n");
  for (const auto& metadata :
       {about("mac_address='" + kMac + "'", kSpeed, "<o:vnic_profile>red</o:vnic_profile>"),
        about("mac_address='" + kMac + "'", kSpeed) + about("mac_address='" + kMac + "'", kSpeed)}) {
    auto asked = device_request(metadata, nic(kMac));
    asked.compat_vdsm = true;
    const auto prepared = host.prepare(asked);
    BOOST_TEST(!prepared.plan.is_blocked);
    BOOST_TEST(words(prepared.device_properties) == Names{"speed=100"}, per_element());
  }
}
