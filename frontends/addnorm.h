/* addnorm.h -- everything a user needs, in one include. */
#ifndef ADDNORM_H
#define ADDNORM_H

#include "core/core.h"
#include "ops/ops.h"
#include "ops/define.h"
#include "graph/graph.h"
#include "graph/profile/profile.h"
#include "graph/memory/memory_map.h"
#include "graph/equal/equal.h"
#include "graph/reduce/reduce.h"
#include "optim/optim.h"
#include "frontends/frontends.h"

#endif
