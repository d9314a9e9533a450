--- The next edit: asks for it when nothing happens for a moment, shows it, goes there and makes it.
local api = vim.api
local config = require('spark.config')
local preview = require('spark.preview')
local switch = require('spark.switch')

local M = {}

local METHOD = 'textDocument/copilotInlineEdit'
local REJECT = 'spark.nextEdit.reject'

--- Milliseconds without a key or a step of the cursor before it is asked for. The server waits for the rest.
local QUIET = 80

---@class spark.Offer: spark.Edit
---@field buffer integer where it would be made
---@field tick integer the text it is for
---@field command table

---@class spark.Follower
---@field buffer integer
---@field client vim.lsp.Client
---@field began? integer the changedtick when nothing had been edited yet
---@field request? integer
---@field timer? uv.uv_timer_t
---@field offer? spark.Offer
---@field shown_in? table<integer, true> the buffers it is drawn in

---@type table<integer, spark.Follower>
local followers = {}

local function row_and_column()
  local at = api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

--- Whether one may be shown at this moment.
local function wanted(buffer)
  local mode = api.nvim_get_mode().mode
  return config.options.next_edit
    and api.nvim_get_current_buf() == buffer
    and (mode == 'n' or mode:sub(1, 1) == 'i')
    and switch.wanted_in(buffer)
    and vim.fn.reg_executing() == ''
    and not vim.snippet.active()
end

local function erase(follower)
  for buffer in pairs(follower.shown_in or {}) do
    preview.clear(buffer)
  end
  follower.shown_in = nil
end

local function forget(follower)
  erase(follower)
  follower.offer = nil
end

local function stop_asking(follower)
  if follower.timer then
    follower.timer:stop()
    follower.timer:close()
    follower.timer = nil
  end
  if follower.request then
    follower.client:cancel_request(follower.request)
    follower.request = nil
  end
end

--- The key for it in this mode, as one reads it.
local function key()
  local keys = config.options.keymaps
  if not keys then
    return nil
  end
  local all = vim.tbl_extend('force', config.keys, keys == true and {} or keys)
  return all.next_edit or nil
end

local function in_sight(offer)
  return offer.buffer == api.nvim_get_current_buf()
    and offer.row + 1 >= vim.fn.line('w0')
    and offer.row + 1 <= vim.fn.line('w$')
end

local function is_there(offer)
  local row = row_and_column()
  return offer.buffer == api.nvim_get_current_buf() and row >= offer.row and row <= offer.last_row
end

--- Draw what is offered as it looks from where the cursor is.
local function draw(follower)
  local offer = follower.offer
  if not offer then
    return
  end
  local buffer = api.nvim_get_current_buf()
  erase(follower)
  local pressed = key()
  if in_sight(offer) then
    local hint = pressed and (is_there(offer) and '%s accepts' or '%s goes there'):format(pressed)
    preview.draw(buffer, offer, hint)
  else
    local place = ('line %d'):format(offer.row + 1)
    if offer.buffer ~= buffer then
      place = ('%s, %s'):format(vim.fs.basename(api.nvim_buf_get_name(offer.buffer)), place)
    end
    local words = ('next edit: %s'):format(place)
    preview.point(buffer, row_and_column(), pressed and ('%s  %s'):format(words, pressed) or words)
  end
  follower.shown_in = { [buffer] = true }
end

--- What the answer offers; nil when it offers nothing, or for a text that is not there any more.
---@return spark.Offer?
local function offer_of(follower, result)
  local edit = result and result.edits and result.edits[1]
  if not edit then
    return nil
  end
  local uri = edit.textDocument.uri
  local buffer = vim.uri_to_bufnr(uri)
  if not api.nvim_buf_is_loaded(buffer) or vim.lsp.util.buf_versions[buffer] ~= edit.textDocument.version then
    return nil
  end
  local encoding = follower.client.offset_encoding
  local function byte(place)
    local line = api.nvim_buf_get_lines(buffer, place.line, place.line + 1, false)[1] or ''
    return vim.str_byteindex(line, encoding, place.character, false)
  end
  local first, last = edit.range.start, edit.range['end']
  return {
    buffer = buffer,
    row = first.line,
    column = byte(first),
    last_row = last.line,
    last_column = byte(last),
    text = (edit.text:gsub('\r\n', '\n')),
    tick = api.nvim_buf_get_changedtick(buffer),
    command = edit.command,
  }
end

local function ask(follower)
  local buffer = follower.buffer
  if follower.request then
    follower.client:cancel_request(follower.request)
    follower.request = nil
  end
  if not wanted(buffer) then
    return forget(follower)
  end
  local row, column = row_and_column()
  local line = api.nvim_get_current_line()
  local tick = api.nvim_buf_get_changedtick(buffer)
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(buffer), version = vim.lsp.util.buf_versions[buffer] },
    position = {
      line = row,
      character = vim.str_utfindex(line, follower.client.offset_encoding, column, false),
    },
    otherDocuments = true,
  }
  local request
  local sent
  sent, request = follower.client:request(METHOD, params, function(failure, result)
    if follower.request == request then
      follower.request = nil
    end
    if failure or not wanted(buffer) or api.nvim_buf_get_changedtick(buffer) ~= tick then
      return
    end
    erase(follower)
    follower.offer = offer_of(follower, result)
    draw(follower)
  end, buffer)
  follower.request = sent and request or nil
end

--- Something changed, or the cursor moved: soon ask, unless what is shown still holds.
local function look(buffer)
  local follower = followers[buffer]
  if not follower then
    return
  end
  local offer = follower.offer
  if offer and wanted(buffer) and offer.tick == api.nvim_buf_get_changedtick(offer.buffer) then
    return draw(follower)
  end
  stop_asking(follower)
  forget(follower)
  if api.nvim_buf_get_changedtick(buffer) == follower.began or not wanted(buffer) then
    return
  end
  follower.timer = vim.defer_fn(function()
    follower.timer = nil
    if followers[buffer] == follower then
      ask(follower)
    end
  end, QUIET)
end

local function group_of(buffer)
  return ('spark.next_edit.%d'):format(buffer)
end

---@param client vim.lsp.Client
---@param buffer integer
function M.attach(client, buffer)
  local known = followers[buffer]
  if known then
    stop_asking(known)
    forget(known)
  end
  local began = api.nvim_buf_get_changedtick(buffer)
  followers[buffer] = { buffer = buffer, client = client, began = began }
  local group = api.nvim_create_augroup(group_of(buffer), {})
  local events = { 'TextChanged', 'TextChangedI', 'TextChangedP', 'CursorMoved', 'CursorMovedI', 'WinScrolled' }
  api.nvim_create_autocmd(events, {
    group = group,
    buffer = buffer,
    callback = function()
      look(buffer)
    end,
  })
  -- The mode is not yet what it will be.
  api.nvim_create_autocmd({ 'InsertEnter', 'InsertLeave', 'BufEnter' }, {
    group = group,
    buffer = buffer,
    callback = function()
      vim.schedule(function()
        look(buffer)
      end)
    end,
  })
  api.nvim_create_autocmd('BufLeave', {
    group = group,
    buffer = buffer,
    callback = function()
      local follower = followers[buffer]
      if follower then
        stop_asking(follower)
        forget(follower)
      end
    end,
  })
end

---@param buffer integer
---@param client_id integer
function M.detach(buffer, client_id)
  local follower = followers[buffer]
  if follower and follower.client.id == client_id then
    follower.request = nil
    stop_asking(follower)
    forget(follower)
    followers[buffer] = nil
    api.nvim_clear_autocmds({ group = group_of(buffer) })
  end
end

--- It was decided anew whether edits are wanted.
function M.reconsider()
  for buffer in pairs(followers) do
    look(buffer)
  end
end

--- What is offered here and still holds.
---@return spark.Follower?
local function offering()
  local follower = followers[api.nvim_get_current_buf()]
  local offer = follower and follower.offer
  if offer and wanted(follower.buffer) and api.nvim_buf_get_changedtick(offer.buffer) == offer.tick then
    return follower
  end
end

--- Whether one is on the screen, or pointed at.
---@return boolean
function M.is_visible()
  return offering() ~= nil
end

local function tell(follower, command)
  local arguments = { command = command, arguments = follower.offer.command.arguments }
  follower.client:request('workspace/executeCommand', arguments, function() end, follower.buffer)
end

local function go(follower)
  local offer = follower.offer
  vim.cmd("normal! m'")
  if offer.buffer ~= api.nvim_get_current_buf() then
    -- It is asked for again there, though nobody has edited anything there, and is the same.
    if followers[offer.buffer] then
      followers[offer.buffer].began = nil
    end
    vim.cmd.buffer(offer.buffer)
  end
  api.nvim_win_set_cursor(0, { offer.row + 1, offer.column })
  vim.cmd('normal! zv')
  if followers[offer.buffer] == follower then
    draw(follower)
  end
end

local function make(follower)
  local offer = follower.offer
  erase(follower)
  -- Undone by itself, and not with what was typed before it.
  vim.bo[offer.buffer].undolevels = vim.bo[offer.buffer].undolevels
  local lines = vim.split(offer.text, '\n', { plain = true })
  api.nvim_buf_set_text(offer.buffer, offer.row, offer.column, offer.last_row, offer.last_column, lines)
  local last = #lines[#lines] + (#lines == 1 and offer.column or 0)
  api.nvim_win_set_cursor(0, { offer.row + #lines, last })
  tell(follower, offer.command.command)
  follower.offer = nil
  ask(follower)
end

--- Go to the next edit, or make it when the cursor is there. False when none is shown.
---@return boolean
function M.take()
  local follower = offering()
  if not follower then
    return false
  end
  -- At the beginning of a line Tab indents.
  local _, column = row_and_column()
  local before = api.nvim_get_current_line():sub(1, column)
  if api.nvim_get_mode().mode:sub(1, 1) == 'i' and not before:find('%S') and not is_there(follower.offer) then
    return false
  end
  if is_there(follower.offer) then
    make(follower)
  else
    go(follower)
  end
  return true
end

--- Turn it down: it stays away. False when none is shown.
---@return boolean
function M.reject()
  local follower = offering()
  if not follower then
    return false
  end
  tell(follower, REJECT)
  forget(follower)
  ask(follower)
  return true
end

return M
