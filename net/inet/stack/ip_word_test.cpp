#include "net/inet/stack/ip_word.h"
#include <gtest/gtest.h>

using namespace net;
using namespace net::inet;
using Method = IpWord::Method;

TEST(IpWord, Methods) {
    for (auto word : {"", "dhcp", "on", "any", "both", "::::::dhcp", ":::::eth0", ":::::eth0:on", "10.0.0.2::::::dhcp"})
        EXPECT_EQ(parse_ip_word(word)->method, Method::dynamic) << word;
    for (auto word : {"off", "none", "::::::off", "::::::none"})
        EXPECT_EQ(parse_ip_word(word)->method, Method::none) << word;
    for (auto word : {"10.0.0.2", "10.0.0.2:", "10.0.0.2::::::off", "10.0.0.2:::::eth0:none"})
        EXPECT_EQ(parse_ip_word(word)->method, Method::fixed) << word;
    EXPECT_EQ(parse_ip_word("bootp").error(), Errno::opnotsupp);
    EXPECT_EQ(parse_ip_word("::::::rarp").error(), Errno::opnotsupp);
}

TEST(IpWord, AllFields) {
    auto w = parse_ip_word("192.168.5.7:192.168.5.1:192.168.5.2:255.255.255.192:box:eth1:off:1.1.1.1:8.8.8.8:9.9.9.9");
    ASSERT_TRUE(w);
    EXPECT_EQ(w->method, Method::fixed);
    EXPECT_EQ(w->client, Address::v4(192, 168, 5, 7));
    EXPECT_EQ(w->gateway, Address::v4(192, 168, 5, 2));
    EXPECT_EQ(w->prefix, 26);
    EXPECT_EQ(w->host_name, "box");
    EXPECT_EQ(w->device, "eth1");
    EXPECT_EQ(w->dns[0], Address::v4(1, 1, 1, 1));
    EXPECT_EQ(w->dns[1], Address::v4(8, 8, 8, 8));
    EXPECT_EQ(w->ntp, Address::v4(9, 9, 9, 9));
}

TEST(IpWord, WithoutAMaskTheClassDecides) {
    EXPECT_EQ(parse_ip_word("10.1.2.3::10.1.2.1")->prefix, 8);
    EXPECT_EQ(parse_ip_word("172.16.2.3")->prefix, 16);
    EXPECT_EQ(parse_ip_word("192.168.2.3")->prefix, 24);
    EXPECT_EQ(parse_ip_word("10.1.2.3:::255.255.255.255")->prefix, 32);
    EXPECT_EQ(parse_ip_word("10.1.2.3:::0.0.0.0")->prefix, 0);
}

TEST(IpWord, WhatMakesNoSenseIsRefused) {
    for (auto word : {"10.0.0", "10.0.0.2.3::", "10.0.0.256::", "10..0.1::", "10.0.0.2x::", "-1.0.0.0::", "eth0",
                      "10.0.0.2:::255.0.255.0", "10.0.0.2:::x", "::::::maybe", "10.0.0.2:::::::::9.9.9.9:more",
                      "224.0.0.1::", "127.0.0.1::", "255.255.255.255::", "10.0.0.2::::::off:x", " 10.0.0.2::"})
        EXPECT_EQ(parse_ip_word(word).error(), Errno::inval) << word;
}
