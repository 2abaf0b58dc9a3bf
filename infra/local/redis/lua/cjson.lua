-- cjson as Redis ships it: encode and decode, sparse arrays refused, "/" escaped, numbers with 14 digits.
-- The chunk is called with the value that stands for JSON's null (a light userdata) and returns the module.
local null = ...
local type, pairs, tostring, tonumber, error = type, pairs, tostring, tonumber, error
local byte, char, find, format, gsub, sub = string.byte, string.char, string.find, string.format, string.gsub, string.sub
local concat, floor, huge, max = table.concat, math.floor, math.huge, math.max

local MAX_DEPTH = 1000
local SPARSE_RATIO, SPARSE_SAFE = 2, 10

local ESCAPES = { ['"'] = '\\"', ['\\'] = '\\\\', ['/'] = '\\/', ['\b'] = '\\b', ['\f'] = '\\f', ['\n'] = '\\n',
  ['\r'] = '\\r', ['\t'] = '\\t', ['\127'] = '\\u007f' }
for code = 0, 31 do
  local character = char(code)
  ESCAPES[character] = ESCAPES[character] or format('\\u%04x', code)
end

local function quote(text)
  return '"' .. gsub(text, '[%c"\\/\127]', ESCAPES) .. '"'
end

-- The length of an array, or nil for an object; an empty table is an object.
local function array_length(value)
  local count, longest = 0, 0
  for key in pairs(value) do
    if type(key) ~= 'number' or key < 1 or key ~= floor(key) then return nil end
    count, longest = count + 1, max(longest, key)
  end
  if count == 0 then return nil end
  if longest > SPARSE_SAFE and longest > count * SPARSE_RATIO then
    error('Cannot serialise table: excessively sparse array', 0)
  end
  return longest
end

local write

local function write_array(out, value, length, depth)
  out[#out + 1] = '['
  for position = 1, length do
    if position > 1 then out[#out + 1] = ',' end
    write(out, value[position], depth)
  end
  out[#out + 1] = ']'
end

local function write_object(out, value, depth)
  out[#out + 1] = '{'
  local first = true
  for key, item in pairs(value) do
    if not first then out[#out + 1] = ',' end
    first = false
    local kind = type(key)
    if kind ~= 'string' and kind ~= 'number' then
      error('Cannot serialise table: table key must be a number or string', 0)
    end
    out[#out + 1] = quote(tostring(key)) .. ':'
    write(out, item, depth)
  end
  out[#out + 1] = '}'
end

local function write_number(out, value)
  if value ~= value or value == huge or value == -huge then
    error('Cannot serialise number: must not be NaN or Inf', 0)
  end
  out[#out + 1] = format('%.14g', value)
end

function write(out, value, depth)
  local kind = type(value)
  if kind == 'string' then out[#out + 1] = quote(value)
  elseif kind == 'number' then write_number(out, value)
  elseif kind == 'boolean' then out[#out + 1] = tostring(value)
  elseif kind == 'nil' or value == null then out[#out + 1] = 'null'
  elseif kind == 'table' then
    if depth >= MAX_DEPTH then error('Cannot serialise, excessive depth (' .. depth + 1 .. ')', 0) end
    local length = array_length(value)
    if length then write_array(out, value, length, depth + 1) else write_object(out, value, depth + 1) end
  else
    error('Cannot serialise ' .. kind .. ': type not supported', 0)
  end
end

local function encode(value)
  local out = {}
  write(out, value, 0)
  return concat(out)
end

local UNESCAPES = { ['"'] = '"', ['\\'] = '\\', ['/'] = '/', b = '\b', f = '\f', n = '\n', r = '\r', t = '\t' }
local LITERALS = { ['true'] = true, ['false'] = false }

local function fail(expected, found, position)
  error('Expected ' .. expected .. ' but found ' .. found .. ' at character ' .. position, 0)
end

local function skip(text, position)
  return find(text, '[^ \t\r\n]', position) or #text + 1
end

local function utf8_of(code)
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + code // 64, 0x80 + code % 64) end
  if code < 0x10000 then return char(0xE0 + code // 4096, 0x80 + code // 64 % 64, 0x80 + code % 64) end
  return char(0xF0 + code // 262144, 0x80 + code // 4096 % 64, 0x80 + code // 64 % 64, 0x80 + code % 64)
end

local function hex4(text, position)
  local digits = sub(text, position, position + 3)
  if not find(digits, '^%x%x%x%x$') then fail('value', 'invalid unicode escape code', position) end
  return tonumber(digits, 16)
end

-- A \u escape whose digits start at position; a surrogate pair is one character. Returns text and the next position.
local function read_unicode(text, position)
  local code = hex4(text, position)
  position = position + 4
  if code >= 0xD800 and code <= 0xDBFF then
    if sub(text, position, position + 1) ~= '\\u' then fail('value', 'invalid unicode escape code', position) end
    local low = hex4(text, position + 2)
    if low < 0xDC00 or low > 0xDFFF then fail('value', 'invalid unicode escape code', position) end
    return utf8_of(0x10000 + (code - 0xD800) * 1024 + (low - 0xDC00)), position + 6
  end
  if code >= 0xDC00 and code <= 0xDFFF then fail('value', 'invalid unicode escape code', position) end
  return utf8_of(code), position
end

-- Position is that of the opening quote. Returns the text and the position after the closing one.
local function read_string(text, position)
  local out = {}
  position = position + 1
  while true do
    local stop = find(text, '["\\%c]', position)
    if not stop then fail('string', 'unexpected end of string', #text + 1) end
    out[#out + 1] = sub(text, position, stop - 1)
    local found = sub(text, stop, stop)
    if found == '"' then return concat(out), stop + 1 end
    if found ~= '\\' and found ~= '\127' then fail('string', 'invalid control character', stop) end
    if found == '\127' then
      out[#out + 1], position = found, stop + 1
    else
      local letter = sub(text, stop + 1, stop + 1)
      if letter == 'u' then
        out[#out + 1], position = read_unicode(text, stop + 2)
      else
        if not UNESCAPES[letter] then fail('value', 'invalid escape code', stop) end
        out[#out + 1], position = UNESCAPES[letter], stop + 2
      end
    end
  end
end

local read

local function read_array(text, position, depth)
  local result, count = {}, 0
  position = skip(text, position + 1)
  if sub(text, position, position) == ']' then return result, position + 1 end
  while true do
    count = count + 1
    result[count], position = read(text, position, depth)
    position = skip(text, position)
    local found = sub(text, position, position)
    if found == ']' then return result, position + 1 end
    if found ~= ',' then fail('comma or array end', found == '' and 'T_END' or 'invalid token', position) end
    position = position + 1
  end
end

local function read_object(text, position, depth)
  local result = {}
  position = skip(text, position + 1)
  if sub(text, position, position) == '}' then return result, position + 1 end
  while true do
    position = skip(text, position)
    if sub(text, position, position) ~= '"' then fail('object key string', position > #text and 'T_END' or 'invalid token', position) end
    local key
    key, position = read_string(text, position)
    position = skip(text, position)
    if sub(text, position, position) ~= ':' then fail('colon', 'invalid token', position) end
    result[key], position = read(text, position + 1, depth)
    position = skip(text, position)
    local found = sub(text, position, position)
    if found == '}' then return result, position + 1 end
    if found ~= ',' then fail('comma or object end', found == '' and 'T_END' or 'invalid token', position) end
    position = position + 1
  end
end

local function read_scalar(text, position)
  local word = string.match(text, '^%a+', position)
  if word and LITERALS[word] ~= nil then return LITERALS[word], position + #word end
  if word == 'null' then return null, position + 4 end
  local numeral = string.match(text, '^-?[%d.][%w.]*[eE][+-]?%d+', position) or string.match(text, '^-?%d[%d.]*', position)
  local number = numeral and tonumber(numeral)
  if not number then fail('value', position > #text and 'T_END' or 'invalid token', position) end
  return number + 0.0, position + #numeral
end

function read(text, position, depth)
  if depth > MAX_DEPTH then error('Found too many nested data structures (' .. depth .. ')', 0) end
  position = skip(text, position)
  local first = sub(text, position, position)
  if first == '{' then return read_object(text, position, depth + 1) end
  if first == '[' then return read_array(text, position, depth + 1) end
  if first == '"' then return read_string(text, position) end
  return read_scalar(text, position)
end

local function decode(text)
  local value, position = read(tostring(text), 1, 0)
  position = skip(text, position)
  if position <= #text then fail('the end', 'invalid token', position) end
  return value
end

return { encode = encode, decode = decode, null = null }
