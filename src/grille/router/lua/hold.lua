-- Requests without a usable server wait here for one (see render/hold.py).
-- Sets txn.held, the backend, as soon as that has a server again; nothing when the time is up. txn.once: as it was.

local MOST_ROUNDS = 8
local FIRST, NEXT = 20, 50 -- milliseconds between two looks
local FRESH = 15 -- milliseconds for which an answer of a backend holds for all that wait for it

local seen = {} -- backend: {when, servers}

local function now()
  local time = core.now()
  return time.sec * 1000 + time.usec // 1000
end

-- The servers in use of a backend, its placeholder not counted; nil for an unknown backend.
local function active(name)
  local backend = core.backends[name]
  if not backend then return nil end
  local last, time = seen[name], now()
  if not last or time - last[1] > FRESH or time < last[1] then
    last = { time, backend:get_stats().act }
    seen[name] = last
  end
  return last[2]
end

core.register_action("grille_hold", { "http-req" }, function(txn)
  local id = txn.f:fc_pp_unique_id() or ""
  local name, until_, once, rounds = id:match("^([^|]+)|[^|]*|(%d+)|([^|]*)|(x*)$")
  if not name or #rounds > MOST_ROUNDS then return end
  until_ = tonumber(until_)
  local pause = FIRST
  if #rounds > 0 then core.msleep(NEXT) end
  while true do
    local servers = active(name)
    if not servers then return end
    if servers > 0 then
      txn:set_var("txn.held", name)
      if once == "1" then txn:set_var("txn.once", 1) end
      return
    end
    if now() >= until_ then return end
    core.msleep(pause)
    pause = NEXT
  end
end)

-- HAProxy describes all proxies to each thread's Lua, twice, with their servers; none but the backends is used.
core.register_init(function()
  core.proxies, core.frontends = nil, nil
  for _, backend in pairs(core.backends) do
    backend.servers, backend.listeners = nil, nil
  end
  collectgarbage()
end)
