// The scheduler's own part of a thread. Only core/sched looks inside.
#pragma once
#include "core/time/deadline.h"
#include "lib/intrusive.h"

struct SchedEntity {
};
