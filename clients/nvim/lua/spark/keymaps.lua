--- Keys. None is taken unless it was asked for; what a key did before it still does when no suggestion is shown.
local api = vim.api

local M = {}

local actions = {
  accept = function()
    return require('spark').accept()
  end,
  accept_word = function()
    return require('spark').accept_word()
  end,
  accept_line = function()
    return require('spark').accept_line()
  end,
  next = function()
    return require('spark').next()
  end,
  previous = function()
    return require('spark').previous()
  end,
  dismiss = function()
    return require('spark').dismiss()
  end,
  next_edit = function()
    return require('spark').next_edit()
  end,
  reject_edit = function()
    return require('spark').reject_edit()
  end,
}

--- The next edit is shown in Normal mode, too.
local modes = { next_edit = { 'i', 'n' }, reject_edit = { 'i', 'n' } }

--- Of those that share a key the first that has something to do does it: what stands at the cursor comes first.
local order = { 'accept', 'accept_word', 'accept_line', 'next', 'previous', 'dismiss', 'next_edit', 'reject_edit' }

local set = {} ---@type table<string, table<string, true>> mode -> keys
local before = {} ---@type table<string, table> mode and key -> what that was mapped to

local function feed(keys, flags)
  api.nvim_feedkeys(api.nvim_replace_termcodes(keys, true, true, true), flags, false)
end

--- What the key did before it was ours.
local function fall_through(mode, key)
  local mapping = before[mode .. key]
  if not mapping or vim.tbl_isempty(mapping) then
    return feed(key, 'in')
  end
  local result = mapping.rhs
  if mapping.callback then
    result = mapping.callback()
  elseif mapping.expr == 1 then
    result = api.nvim_eval(mapping.rhs)
  end
  if type(result) ~= 'string' or (mapping.callback and mapping.expr ~= 1) then
    return
  end
  local flags = mapping.noremap == 1 and 'in' or 'im'
  if mapping.expr == 1 and mapping.replace_keycodes ~= 1 then
    api.nvim_feedkeys(result, flags, false)
  else
    feed(result, flags)
  end
end

local function unset()
  for mode, keys in pairs(set) do
    for key in pairs(keys) do
      local mapping = before[mode .. key]
      if mapping and not vim.tbl_isempty(mapping) then
        vim.fn.mapset(mapping)
      else
        pcall(vim.keymap.del, mode, key)
      end
    end
  end
  set, before = {}, {}
end

local function map(mode, key, names)
  set[mode] = set[mode] or {}
  set[mode][key] = true
  before[mode .. key] = vim.fn.maparg(key, mode, false, true)
  -- Not an expression: that may not change the text, and what is typed meanwhile would come first.
  vim.keymap.set(mode, key, function()
    for _, name in ipairs(names) do
      if actions[name]() then
        return
      end
    end
    fall_through(mode, key)
  end, { desc = 'spark: ' .. names[1]:gsub('_', ' ') })
end

--- Take these keys: all usual ones for `true`, none for `false`; in a table those that are named, else the usual one.
---@param keymaps boolean|spark.Keys
function M.set(keymaps)
  unset()
  if keymaps == false then
    return
  end
  local keys = vim.tbl_extend('force', require('spark.config').keys, keymaps == true and {} or keymaps)
  for _, mode in ipairs({ 'i', 'n' }) do
    local named = {} ---@type table<string, string[]>
    for _, action in ipairs(order) do
      if keys[action] and vim.list_contains(modes[action] or { 'i' }, mode) then
        named[keys[action]] = vim.list_extend(named[keys[action]] or {}, { action })
      end
    end
    for key, names in pairs(named) do
      map(mode, key, names)
    end
  end
end

--- `<Plug>(spark-accept)` and so on, for mappings of one's own.
function M.create_plugs()
  for action, run in pairs(actions) do
    local name = ('<Plug>(spark-%s)'):format((action:gsub('_', '-')))
    vim.keymap.set(modes[action] or 'i', name, run, { desc = 'spark: ' .. action:gsub('_', ' ') })
  end
end

return M
