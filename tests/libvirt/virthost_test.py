"""The private host itself, and what libvirtd does that the product relies on."""

from virthost import VirtHostTest, domain_xml, main

UUID = "aaaaaaaa-0000-0000-0000-000000000001"


class PrivateHost(VirtHostTest):
    def test_a_guest_starts_and_ends(self):
        host = self.host().start()
        host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID)))
        self.assertEqual(host.virsh("domstate", "vm").stdout.strip(), "running")
        host.virsh("destroy", "vm")
        self.assertEqual(host.virsh("list", "--all", "--name").stdout.strip(), "")


if __name__ == "__main__":
    main()
