-- Carries out a route's options (docs/contracts.md, "Options"), or leaves variables for the rules after it:
-- txn.page (the page that answers), txn.rate, txn.client, txn.t (ms), txn.server (of a sticky session),
-- txn.unknown_length, txn.answer (the response is to be looked at).

local MOST_KEPT = 5000
local IDLE = 55000 -- milliseconds that a stream may be silent
local COOKIE = "grille_instance"

collectgarbage("setpause", 400) -- what a request leaves is little, and soon let go

local kept, count = {}, 0 -- the text of options: what it says

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function read(text)
  local found = { rq = {}, rs = {} }
  for name, value in text:gmatch("([^&=]+)=([^&]*)") do
    name, value = decoded(name), decoded(value)
    local way, header = name:match("^(r[qs])%.(.+)$")
    if way then
      table.insert(found[way], { header, value })
    else
      found[name] = value
    end
  end
  for _, name in ipairs({ "t", "idle", "body", "rate", "hsts", "code" }) do
    found[name] = found[name] and math.tointeger(tonumber(found[name]))
  end
  if found.split then
    local parts, total = {}, 0
    for weight, backend in found.split:gmatch("(%d+):([^,]+)") do
      total = total + math.tointeger(tonumber(weight))
      table.insert(parts, { total, backend })
    end
    found.split, found.total = parts, total
  end
  return found
end

-- The options of a route as a table; routes are few, so each text is read once.
local function options_of(route)
  local text = route:match("^[^|]*|[^|]*|(.*)$") or ""
  local found = kept[text]
  if not found then
    if count >= MOST_KEPT then kept, count = {}, 0 end
    found = read(text)
    kept[text], count = found, count + 1
  end
  return found
end

local function answer(txn, status, headers, body)
  local reply = txn:reply({ status = status, body = body or "" })
  for name, value in pairs(headers) do reply:add_header(name, value) end
  txn:done(reply)
end

local function page(txn, name) txn:set_var("txn.page", name) end

local function secure(txn) return txn.sf:ssl_fc() == "1" end

-- Whether the request is answered here.
local function redirected(txn, options, https_port)
  local to, code = options.to, options.code or 308
  if options.https and not secure(txn) then
    local port = https_port ~= "443" and ":" .. https_port or ""
    to, code = "https://" .. txn:get_var("txn.host") .. port, 308
  end
  if not to then return false end
  local location = to:gsub("/$", "") .. txn.sf:pathq()
  answer(txn, code, { location = location, ["cache-control"] = "no-store" })
  return true
end

local PROOF = "x-forwarded-client-cert-"

-- Whether the client may go on, by its certificate.
local function admitted(txn, options)
  for _, name in ipairs({ "verified", "subject", "fingerprint" }) do txn.http:req_del_header(PROOF .. name) end
  local shown = secure(txn) and txn.sf:ssl_c_used() == "1"
  if shown or options.mtls == "required" and secure(txn) then
    local name = txn.sf:ssl_fc_sni():lower()
    if name ~= txn:get_var("txn.host") then -- another host's authorities may have been asked
      page(txn, "misdirected")
      return false
    end
  end
  local verified = shown and txn.sf:ssl_c_verify() == "0"
  if verified then
    txn.http:req_set_header(PROOF .. "verified", "1")
    txn.http:req_set_header(PROOF .. "subject", txn.sf:ssl_c_s_dn("", 0, "rfc2253"))
    txn.http:req_set_header(PROOF .. "fingerprint", txn.c:lower(txn.c:hex(txn.f:ssl_c_sha1())))
  elseif options.mtls == "required" then
    page(txn, "client_certificate_required")
    return false
  end
  return true
end

-- Whether the body is one that the route lets through, as far as that can be told before it has come.
local function fits(txn, options)
  local length = tonumber(txn.sf:req_hdr("content-length"))
  if length then
    if length <= options.body then return true end
    page(txn, "body_too_large")
    return false
  end
  if txn.sf:req_hdr("transfer-encoding") ~= "" then
    page(txn, "length_required")
    return false
  end
  if txn.sf:req_ver():sub(1, 1) ~= "1" then txn:set_var("txn.unknown_length", "1") end
  return true
end

local function times(txn, options)
  if not options.t and not options.idle then return end -- then the backend's rules say it all
  local stream = txn.sf:req_hdr("accept"):find("text/event-stream", 1, true)
    or txn.sf:req_hdr("content-type"):find("application/grpc", 1, true) == 1
  local time = options.t
  if stream then time = options.idle or IDLE end
  if time then txn:set_var("txn.t", time) end
end

local function change(txn, options)
  if options.strip then
    local rest = txn.sf:path():sub(#options.strip + 1)
    txn.http:req_set_path(rest:sub(1, 1) == "/" and rest or "/" .. rest)
    txn.http:req_set_header("X-Forwarded-Prefix", options.strip)
  end
  for _, header in ipairs(options.rq) do
    if header[2] == "" then
      txn.http:req_del_header(header[1])
    else
      txn.http:req_set_header(header[1], header[2])
    end
  end
end

-- Whether a server is there and takes requests: it is neither known to be dead nor on its way out.
local function usable(txn, backend, server)
  local known, up = pcall(txn.f.srv_is_up, txn.f, backend .. "/" .. server)
  return known and (up == true or up == 1)
end

-- The backend and server that the client's cookie names, if it is one of these backends.
local function bound(txn, backends)
  local cookies = txn.http:req_get_headers()["cookie"] or {}
  for index = 0, #cookies do
    for name, server in (cookies[index] or ""):gmatch("([^=;%s]+)=([^;%s]+)") do
      if name == COOKIE and server:find("^[%w._-]+$") and server:sub(1, 1) ~= "_" then
        for _, backend in ipairs(backends) do
          if usable(txn, backend, server) then return backend, server end
        end
      end
    end
  end
end

local function drawn(txn, options)
  local number = tonumber(txn.f:rand(options.total))
  for _, part in ipairs(options.split) do
    if number < part[1] then return part[2] end
  end
end

local function choose(txn, options, route)
  local own = route:match("^[^|]*")
  local chosen
  if options.sticky then
    local backends = {}
    for _, part in ipairs(options.split or {}) do table.insert(backends, part[2]) end
    if #backends == 0 then backends[1] = own end
    local server
    chosen, server = bound(txn, backends)
    if server then txn:set_var("txn.server", server) end
  end
  if not chosen and options.split and options.total > 0 then chosen = drawn(txn, options) end
  if chosen and chosen ~= own then txn:set_var("txn.route", chosen .. route:sub(#own + 1)) end
end

core.register_action("grille_request", { "http-req" }, function(txn, https_port)
  local route = txn:get_var("txn.route")
  local options = options_of(route)
  if options.reply then
    return answer(txn, 200, { ["content-type"] = "text/plain", ["cache-control"] = "no-store" }, options.reply)
  end
  if options.maint then return page(txn, "maintenance") end
  if redirected(txn, options, https_port) then return end
  if options.mtls and not admitted(txn, options) then return end
  if options.body and not fits(txn, options) then return end
  if options.rate then
    txn:set_var("txn.rate", options.rate)
    txn:set_var("txn.client", (options.id or "") .. "@" .. tostring(txn:get_var("txn.client")))
  end
  times(txn, options)
  change(txn, options)
  choose(txn, options, route)
  if options.sticky or options.hsts or #options.rs > 0 then txn:set_var("txn.answer", "1") end
end, 1)

core.register_action("grille_response", { "http-res" }, function(txn)
  local options = options_of(txn:get_var("txn.route"))
  for _, header in ipairs(options.rs) do
    if header[2] == "" then
      txn.http:res_del_header(header[1])
    else
      txn.http:res_set_header(header[1], header[2])
    end
  end
  if options.hsts and secure(txn) then
    txn.http:res_set_header("Strict-Transport-Security", "max-age=" .. options.hsts)
  end
  if options.sticky then
    local server = txn.sf:srv_name()
    if server ~= "" and server:sub(1, 1) ~= "_" and server ~= txn:get_var("txn.server") then
      local flags = "; HttpOnly; SameSite=Lax" .. (secure(txn) and "; Secure" or "")
      txn.http:res_add_header("Set-Cookie", COOKIE .. "=" .. server .. "; Path=" .. options.sticky .. flags)
    end
  end
end)
