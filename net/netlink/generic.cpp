// NETLINK_GENERIC: the controller, which knows itself alone. NETLINK_KOBJECT_UEVENT: nothing is told.
#include "net/netlink/socket.h"
#include <linux/genetlink.h>

namespace netlink {
namespace {
constexpr std::string_view controller = "nlctrl";
constexpr u32 controller_version = 2, controller_attributes = CTRL_ATTR_OP_MAX > 10 ? CTRL_ATTR_OP_MAX : 10;

void put_controller(MessageWriter& out) {
    out.put(genlmsghdr{.cmd = CTRL_CMD_NEWFAMILY, .version = controller_version});
    out.text(CTRL_ATTR_FAMILY_NAME, controller);
    out.attribute(CTRL_ATTR_FAMILY_ID, u16{GENL_ID_CTRL});
    out.attribute(CTRL_ATTR_VERSION, controller_version);
    out.attribute(CTRL_ATTR_HDRSIZE, u32{0});
    out.attribute(CTRL_ATTR_MAXATTR, controller_attributes);
    usize operations = out.begin_nest(CTRL_ATTR_OPS);
    usize one = out.begin_nest(1);
    out.attribute(CTRL_ATTR_OP_ID, u32{CTRL_CMD_GETFAMILY});
    out.attribute(CTRL_ATTR_OP_FLAGS, u32{GENL_CMD_CAP_DO | GENL_CMD_CAP_DUMP});
    out.end_nest(one);
    out.end_nest(operations);
}

Result<bool> list_families(Dump& d, MessageWriter& out) {
    if (d.at++) return true;
    out.begin(GENL_ID_CTRL, d.flags, d.sequence, d.port);
    put_controller(out);
    return out.end();
}

Result<> take_request(Request& r) {
    if (r.header.nlmsg_type != GENL_ID_CTRL) return err::noent;
    auto m = TRY(r.fixed<genlmsghdr>());
    if (m.cmd != CTRL_CMD_GETFAMILY) return err::opnotsupp;
    if (r.header.nlmsg_flags & NLM_F_DUMP) return r.from.start(r, list_families);
    auto a = TRY(Attributes::parse(r.payload, sizeof m, CTRL_ATTR_MAX));
    u16 id = 0;
    bool by_id = a.get(CTRL_ATTR_FAMILY_ID, id);
    if (!by_id && !a.has(CTRL_ATTR_FAMILY_NAME)) return err::inval;
    if (by_id ? id != GENL_ID_CTRL : a.text(CTRL_ATTR_FAMILY_NAME) != controller) return err::noent;
    return r.from.reply(r, GENL_ID_CTRL, put_controller);
}
} // namespace

constinit const Protocol generic_protocol{
    .number = NETLINK_GENERIC, .groups = 32, .anyone_listens = true, .request = take_request};
constinit const Protocol uevent_protocol{.number = NETLINK_KOBJECT_UEVENT, .groups = 32, .anyone_listens = true};
} // namespace netlink
