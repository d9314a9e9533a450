--- What may be set on the editor's side. The server's own settings go through `vim.lsp.config`.
local M = {}

---@class spark.Keys: { [string]: string|false }

---@class spark.Options
---@field enabled? boolean
---@field filetypes? table<string, boolean>
---@field next_edit? boolean
---@field keymaps? boolean|spark.Keys

---@type spark.Keys
M.keys = {
  accept = '<Tab>',
  accept_word = '<M-Right>',
  accept_line = '<M-Down>',
  next = '<M-]>',
  previous = '<M-[>',
  dismiss = '<C-]>',
  next_edit = '<Tab>',
  reject_edit = '<M-BS>',
}

---@type spark.Options
M.options = { enabled = true, filetypes = {}, keymaps = false, next_edit = true }

local kinds = {
  enabled = { 'boolean' },
  filetypes = { 'table' },
  next_edit = { 'boolean' },
  keymaps = { 'boolean', 'table' },
}

local function complain(message)
  vim.notify('spark: ' .. message .. '. See :help spark-setup', vim.log.levels.WARN)
end

local function check_keys(keys)
  local good = {}
  for name, key in pairs(keys) do
    if M.keys[name] == nil then
      complain(('keymaps.%s is unknown; it is ignored'):format(name))
    elseif key ~= false and type(key) ~= 'string' then
      complain(('keymaps.%s must be a key or false, not %s; it is ignored'):format(name, vim.inspect(key)))
    else
      good[name] = key
    end
  end
  return good
end

--- Lay these over what is set. What is wrong is told by name, and the rest counts.
---@param options? spark.Options
function M.set(options)
  for name, value in pairs(options or {}) do
    if not kinds[name] then
      complain(('%s is unknown; it is ignored'):format(name))
    elseif not vim.list_contains(kinds[name], type(value)) then
      complain(('%s must be a %s; it is ignored'):format(name, table.concat(kinds[name], ' or a ')))
    elseif name == 'keymaps' and type(value) == 'table' then
      M.options.keymaps = check_keys(value)
    else
      M.options[name] = value
    end
  end
end

return M
