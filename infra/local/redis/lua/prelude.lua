-- The world of a Redis script on a Lua 5.4 VM: a sandbox with the functions of Lua 5.1, `redis`, `cjson` and `bit`.
-- Called with: the command caller, log, sha1hex, the cjson module. Returns: compile(source), run(function, keys, args, sha).
local call_command, log, sha1hex, cjson = ...
local debug, error, floor, getmetatable, load, math_type = debug, error, math.floor, getmetatable, load, math.type
local native_tonumber, native_format, native_select, pairs, pcall = tonumber, string.format, select, pairs, pcall
local rawset, setmetatable, tostring, type, xpcall, table_unpack = rawset, setmetatable, tostring, type, xpcall, table.unpack
local getinfo, sethook = debug.getinfo, debug.sethook

-- 5.1 knows no integers: what the VM's own functions answer as integers becomes a float, which prints without ".0" here.
local function float(value)
  if math_type(value) == 'integer' then return value + 0.0 end
  return value
end

-- 5.1 cuts fractions off where 5.4 raises "number has no integer representation".
local function whole(value)
  if math_type(value) == 'float' and value == value and value ~= math.huge and value ~= -math.huge then
    return value >= 0 and floor(value) or -floor(-value)
  end
  return value
end

local function with_whole_arguments(native)
  return function(...)
    local count = native_select('#', ...)
    local arguments = { ... }
    for position = 1, count do arguments[position] = whole(arguments[position]) end
    return native(table_unpack(arguments, 1, count))
  end
end

local function with_float_result(native)
  return function(...) return float(native(...)) end
end

local function tonumber_5_1(...)
  return float(native_tonumber(...))
end

local function format_5_1(pattern, ...)
  local count = native_select('#', ...)
  local arguments = { ... }
  local position = 0
  for directive in string.gmatch(pattern, '%%[-+ #0]*%d*%.?%d*([%a%%])') do
    if directive ~= '%' then
      position = position + 1
      if string.find(directive, '[cdiouxX]') then
        arguments[position] = whole(native_tonumber(arguments[position]) or arguments[position])
      end
    end
  end
  return native_format(pattern, table_unpack(arguments, 1, count))
end

-- Arithmetic on strings: "10" + 1 is a double in 5.1.
local string_metatable = getmetatable('')
local function string_arithmetic(operator)
  local apply = load('local a, b = ... return a ' .. operator .. ' b')
  return function(left, right)
    local a, b = tonumber_5_1(left), tonumber_5_1(right)
    if not a or not b then
      error('attempt to perform arithmetic on a ' .. type(a and right or left) .. ' value', 2)
    end
    return apply(a, b)
  end
end
for name, operator in pairs({ add = '+', sub = '-', mul = '*', div = '/', mod = '%', pow = '^' }) do
  string_metatable['__' .. name] = string_arithmetic(operator)
end
string_metatable.__unm = function(value) return -tonumber_5_1(value) end
string_metatable.__idiv = nil

local function to_int32(value)
  value = native_tonumber(value)
  if not value then error('bad argument to bit operation (number expected)', 3) end
  local bits = floor(value + 0.5) & 0xFFFFFFFF
  return bits
end
local function signed(bits)
  bits = bits & 0xFFFFFFFF
  return (bits >= 0x80000000 and bits - 0x100000000 or bits) + 0.0
end
local function fold(combine)
  return function(first, ...)
    local result = to_int32(first)
    for position = 1, native_select('#', ...) do
      result = combine(result, to_int32((native_select(position, ...))))
    end
    return signed(result)
  end
end
local bit = {
  tobit = function(a) return signed(to_int32(a)) end,
  bnot = function(a) return signed(~to_int32(a)) end,
  band = fold(function(a, b) return a & b end),
  bor = fold(function(a, b) return a | b end),
  bxor = fold(function(a, b) return a ~ b end),
  lshift = function(a, n) return signed(to_int32(a) << (to_int32(n) & 31)) end,
  rshift = function(a, n) return signed(to_int32(a) >> (to_int32(n) & 31)) end,
  arshift = function(a, n) return signed(floor(signed(to_int32(a)) / 2 ^ (to_int32(n) & 31))) end,
  tohex = function(a) return native_format('%08x', to_int32(a)) end,
}

-- "-CODE text" keeps its code, "text" is given as it is, a single word gets ERR: as redis.error_reply does.
local function error_reply(text)
  if type(text) ~= 'string' then return { err = 'ERR wrong number or type of arguments' } end
  if string.sub(text, 1, 1) == '-' then text = string.sub(text, 2) end
  if not string.find(text, ' ', 1, true) then text = 'ERR ' .. text end
  return { err = text }
end

local redis = {
  LOG_DEBUG = 0.0, LOG_VERBOSE = 1.0, LOG_NOTICE = 2.0, LOG_WARNING = 3.0,
  error_reply = error_reply,
  status_reply = function(text)
    if type(text) ~= 'string' then return { err = 'ERR wrong number or type of arguments' } end
    return { ok = text }
  end,
  call = function(...)
    local ok, result = call_command(...)
    if not ok then error({ err = result }, 0) end
    return result
  end,
  pcall = function(...)
    local ok, result = call_command(...)
    if not ok then return { err = result } end
    return result
  end,
  log = function(level, ...)
    if type(level) ~= 'number' then error('First argument must be a number (log level).', 2) end
    local words = {}
    for position = 1, native_select('#', ...) do words[position] = tostring((native_select(position, ...))) end
    log(table.concat(words, ' '))
  end,
  sha1hex = function(text) return sha1hex(tostring(text)) end,
  replicate_commands = function() return true end,
  setresp = function(version)
    if version ~= 2 then error('RESP version must be 2 or 3.', 2) end
  end,
}

local string_5_1 = {
  byte = function(text, from, to) return string.byte(text, whole(from), whole(to)) end,
  char = with_whole_arguments(string.char), dump = string.dump, find = string.find, format = format_5_1,
  gmatch = string.gmatch, gfind = string.gmatch, gsub = string.gsub, len = string.len, lower = string.lower,
  match = string.match, rep = with_whole_arguments(string.rep), reverse = string.reverse,
  sub = function(text, from, to) return string.sub(text, whole(from), whole(to)) end, upper = string.upper,
}

local table_5_1 = {
  concat = table.concat, insert = table.insert, remove = table.remove, sort = table.sort,
  getn = function(list) return #list end,
  maxn = function(list)
    local longest = 0.0
    for key in pairs(list) do if type(key) == 'number' and key > longest then longest = key end end
    return longest
  end,
  foreach = function(list, visit)
    for key, value in pairs(list) do
      local result = visit(key, value)
      if result ~= nil then return result end
    end
  end,
}

local math_5_1 = {
  mod = math.fmod, pow = function(a, b) return a ^ b end, log10 = function(a) return math.log(a, 10) end,
  ldexp = function(a, exponent) return a * 2.0 ^ exponent end,
  frexp = function(a)
    if a == 0 or a ~= a or a == math.huge or a == -math.huge then return a, 0.0 end
    local exponent = floor(math.log(math.abs(a), 2)) + 1
    local mantissa = a / 2.0 ^ exponent
    if math.abs(mantissa) >= 1 then mantissa, exponent = mantissa / 2, exponent + 1 end
    return mantissa, float(exponent)
  end,
  sinh = function(a) return (math.exp(a) - math.exp(-a)) / 2 end,
  cosh = function(a) return (math.exp(a) + math.exp(-a)) / 2 end,
  tanh = function(a) local e = math.exp(2 * a) return e == math.huge and 1.0 or (e - 1) / (e + 1) end,
  atan2 = function(a, b) return math.atan(a, b) end,
  pi = math.pi, huge = math.huge,
}
for _, name in pairs({ 'abs', 'acos', 'asin', 'atan', 'ceil', 'cos', 'deg', 'exp', 'floor', 'fmod', 'max', 'min', 'rad',
  'sin', 'sqrt', 'tan' }) do
  math_5_1[name] = with_float_result(math[name])
end
math_5_1.log = function(a) return math.log(a) end
math_5_1.modf = function(a) local i, f = math.modf(a) return float(i), f end
math_5_1.random = with_float_result(with_whole_arguments(math.random))
math_5_1.randomseed = function(seed) math.randomseed(whole(seed)) end

-- Redis' own pcall gives the text of an error table, not the table.
local function first_text(ok, raised, ...)
  if not ok and type(raised) == 'table' and raised.err then return ok, raised.err end
  return ok, raised, ...
end

local sandbox = {
  redis = redis, cjson = cjson, bit = bit, string = string_5_1, table = table_5_1, math = math_5_1,
  os = { clock = os.clock }, coroutine = { create = coroutine.create, resume = coroutine.resume, wrap = coroutine.wrap,
    yield = coroutine.yield, status = coroutine.status, running = coroutine.running },
  assert = assert, collectgarbage = collectgarbage, error = error, getmetatable = getmetatable, ipairs = ipairs,
  next = next, pairs = pairs, pcall = pcall, rawequal = rawequal, rawget = rawget, rawset = rawset, select = select,
  setmetatable = setmetatable, tonumber = tonumber_5_1, tostring = tostring, type = type,
  unpack = function(list, from, to) return table_unpack(list, whole(from), whole(to)) end, xpcall = xpcall, _VERSION = 'Lua 5.1',
}
-- What one script hung into a library would be there for the next: refused, as Redis does.
local function readonly(library)
  return setmetatable({}, {
    __index = library,
    __newindex = function() error('Attempt to modify a readonly table', 2) end,
    __metatable = false,
  })
end
string_5_1 = readonly(string_5_1)
for name, library in pairs(sandbox) do
  if type(library) == 'table' then sandbox[name] = readonly(library) end
end
sandbox.string = string_5_1
sandbox._G = sandbox
sandbox.pcall = function(...) return first_text(pcall(...)) end
sandbox.select = function(position, ...)
  if position == '#' then return float(native_select('#', ...)) end
  return native_select(whole(position), ...)
end
sandbox.loadstring = function(text, name) return load(text, name or text, 't', sandbox) end
sandbox.load = sandbox.loadstring
string_metatable.__index = string_5_1

setmetatable(sandbox, {
  __newindex = function(_, name)
    error('Script attempted to create global variable \'' .. tostring(name) .. '\'', 2)
  end,
  __index = function(_, name)
    error('Script attempted to access nonexistent global variable \'' .. tostring(name) .. '\'', 2)
  end,
  __metatable = false,
})

local function compile(source)
  return load(source, '@user_script', 't', sandbox)
end

-- Turns whatever was raised into the text that the client gets, with the line of the script.
local function describe(raised)
  local text = type(raised) == 'table' and raised.err or raised
  if type(raised) ~= 'table' then text = 'ERR ' .. tostring(raised) end
  local level, line = 2, nil
  while true do
    local frame = getinfo(level, 'Sl')
    if not frame then break end
    if frame.source == '@user_script' then line = frame.currentline break end
    level = level + 1
  end
  return { text = tostring(text), line = line }
end

local function run(script, keys, args, sha)
  rawset(sandbox, 'KEYS', keys)
  rawset(sandbox, 'ARGV', args)
  local ok, result = xpcall(script, describe)
  rawset(sandbox, 'KEYS', nil)
  rawset(sandbox, 'ARGV', nil)
  if ok then return true, result end
  local where = result.line and ', on @user_script:' .. result.line .. '.' or '.'
  return false, result.text .. ' script: ' .. sha .. where
end

return compile, run
