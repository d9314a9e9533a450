--- Asks for suggestions and keeps the one that is shown in step with what is typed.
---
--- It waits for nothing: the server answers at once what it knows, and knows how long to wait for the rest. What is
--- superseded is cancelled, and an answer to anything but what stands there now is dropped.
local api = vim.api
local ghost = require('spark.ghost')
local menu = require('spark.menu')
local switch = require('spark.switch')
local Suggestion = require('spark.suggestion')

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2

--- Milliseconds that a suggestion stays on the screen after a bracket was closed behind the cursor: by then the
--- server has said what the suggestion is with that bracket, and nothing has blinked.
local PATIENCE = 40

---@class spark.State
---@field buffer integer
---@field client vim.lsp.Client
---@field asked? string the text, place and menu item that were asked about last
---@field token integer names the last request
---@field request? integer the id of the one that is under way
---@field suggestion? spark.Suggestion
---@field dismissed? integer the changedtick at which it was
---@field doubt? uv.uv_timer_t

---@type table<integer, spark.State>
local states = {}
local tokens = 0

--- The buffers whose changes are followed: that goes on while a server is started again.
---@type table<integer, true>
local followed = {}

---@return integer row, integer column
local function cursor()
  local at = api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

local function end_doubt(state)
  if state.doubt then
    state.doubt:stop()
    state.doubt:close()
    state.doubt = nil
  end
end

local function hide(state)
  end_doubt(state)
  if state.suggestion then
    state.suggestion:forget()
    state.suggestion = nil
  end
  ghost.clear(state.buffer)
end

--- What is superseded is not waited for, and the server need not work on it.
local function cancel(state)
  if state.request then
    state.client:cancel_request(state.request)
    state.request = nil
  end
  state.asked = nil
  state.token = 0
end

local function announce(state)
  local suggestion = state.suggestion
  if not suggestion.announced then
    suggestion.announced = true
    state.client:notify('textDocument/didShowCompletion', { item = suggestion.items[suggestion.index] })
  end
end

--- Draw what is left of the suggestion at a position. False when it does not belong there.
local function draw(state, row, column)
  local _, rest, replaced = state.suggestion:at(row, column)
  if not rest then
    return false
  end
  end_doubt(state)
  ghost.draw(state.buffer, row, column, rest, replaced)
  return true
end

--- Keep the suggestion in step with the cursor, or take it off the screen.
local function carry(state)
  local suggestion = state.suggestion
  if not suggestion then
    return
  end
  local row, column = cursor()
  if draw(state, row, column) then
    return
  end
  if suggestion:only_closed(row, column) and not state.doubt then
    suggestion:forget()
    state.suggestion = nil
    state.doubt = vim.defer_fn(function()
      state.doubt = nil
      if not state.suggestion then
        hide(state)
      end
    end, PATIENCE)
  elseif not state.doubt then
    hide(state)
  end
end

local function show(state, suggestion)
  if state.suggestion then
    suggestion:go_on_from(state.suggestion)
  end
  state.suggestion = suggestion
  if draw(state, cursor()) then
    announce(state)
  else
    hide(state)
  end
end

--- What stands there, as far as an answer depends on it.
local function place(state, row, column, selected)
  local tick = api.nvim_buf_get_changedtick(state.buffer)
  return ('%d:%d:%d:%s'):format(tick, row, column, selected or '')
end

local function parameters(state, kind, line, row, column, selected, first)
  local encoding = state.client.offset_encoding
  local function position(bytes)
    return { line = row, character = vim.str_utfindex(line, encoding, bytes, false) }
  end
  tokens = tokens + 1
  state.token = tokens
  return {
    textDocument = { uri = vim.uri_from_bufnr(state.buffer) },
    position = position(column),
    context = {
      triggerKind = kind,
      selectedCompletionInfo = selected and {
        range = { start = position(first), ['end'] = position(column) },
        text = selected,
      } or nil,
    },
    partialToken = tokens,
  }
end

--- Ask about what stands there now, unless that was asked already.
---@param kind integer
---@param done? fun(suggestion: spark.Suggestion?) takes the answer instead of showing it
local function ask(state, kind, done)
  local row, column = cursor()
  local line = api.nvim_buf_get_lines(state.buffer, row, row + 1, false)[1] or ''
  local selected, first = menu.selected(line, column)
  local asked = place(state, row, column, selected)
  if asked == state.asked and kind == AUTOMATIC then
    return
  end
  cancel(state)
  state.asked = asked
  local params = parameters(state, kind, line, row, column, selected, first)
  local token = state.token
  local sent, request = state.client:request(METHOD, params, function(failure, result)
    if state.token ~= token then
      return
    end
    state.request = nil
    local now_row, now_column = cursor()
    if
      failure
      or not switch.wanted_now(state.buffer)
      or place(state, now_row, now_column, selected) ~= asked
    then
      return
    end
    local suggestion = Suggestion.of(state.buffer, state.client, result, row, column)
    if done then
      done(suggestion)
    elseif suggestion then
      show(state, suggestion)
    else
      hide(state)
    end
  end, state.buffer)
  state.request = sent and request or nil
end

local function stop(state)
  cancel(state)
  hide(state)
end

--- Something was typed, the cursor moved, or the menu's selection did.
local function look(buffer)
  local state = states[buffer]
  if not state then
    return
  end
  if not switch.wanted_now(buffer) then
    stop(state)
  elseif state.dismissed ~= api.nvim_buf_get_changedtick(buffer) then
    state.dismissed = nil
    carry(state)
    ask(state, AUTOMATIC)
  end
end

local function look_soon(buffer)
  vim.schedule(function()
    look(buffer)
  end)
end

--- Text typed along moves the suggestion in the same step, before anything can be drawn in between.
local function follow(_, buffer)
  local state = states[buffer]
  if not state then
    followed[buffer] = nil
    return true
  end
  if state.suggestion then
    local row, column = ghost.position(buffer)
    if row then
      draw(state, row, column)
    end
  end
end

local function group_of(buffer)
  return ('spark.buffer.%d'):format(buffer)
end

local function listen(buffer)
  local group = api.nvim_create_augroup(group_of(buffer), {})
  local function on(events, run)
    api.nvim_create_autocmd(events, { group = group, buffer = buffer, callback = run })
  end
  on({ 'CursorMovedI', 'TextChangedI', 'TextChangedP' }, function()
    look(buffer)
  end)
  -- At InsertEnter the mode is not yet what it will be, at CompleteChanged the selection.
  on({ 'InsertEnter', 'CompleteChanged', 'CompleteDone' }, function()
    look_soon(buffer)
  end)
  on({ 'InsertLeave', 'BufLeave' }, function()
    if states[buffer] then
      stop(states[buffer])
    end
  end)
  api.nvim_create_autocmd('User', {
    group = group,
    pattern = { 'BlinkCmpMenuOpen', 'BlinkCmpMenuClose', 'BlinkCmpListSelect' },
    callback = function()
      look_soon(buffer)
    end,
  })
  if not followed[buffer] then
    followed[buffer] = api.nvim_buf_attach(buffer, false, {
      on_lines = follow,
      on_detach = function()
        followed[buffer] = nil
      end,
    }) or nil
  end
end

---@param client vim.lsp.Client
---@param buffer integer
function M.attach(client, buffer)
  local known = states[buffer]
  states[buffer] = { buffer = buffer, client = client, token = 0 }
  if not known then
    listen(buffer)
  end
  look_soon(buffer)
end

---@param buffer integer
---@param client_id integer
function M.detach(buffer, client_id)
  local state = states[buffer]
  if state and state.client.id == client_id then
    state.request = nil
    hide(state)
    states[buffer] = nil
    api.nvim_clear_autocmds({ group = group_of(buffer) })
  end
end

--- It was decided anew whether suggestions are wanted.
function M.reconsider()
  for buffer in pairs(states) do
    look(buffer)
  end
end

--- The server says more of what it answered.
---@param stage { token: integer, item: table?, done: boolean }
function M.grow(stage)
  for _, state in pairs(states) do
    if state.token == stage.token and stage.item and switch.wanted_now(state.buffer) then
      local row, column = cursor()
      local shown = state.suggestion
      local suggestion = Suggestion.of(state.buffer, state.client, { stage.item }, row, column)
      if suggestion and not (shown and shown.index > 1) then
        show(state, suggestion)
      end
    end
  end
end

--- The state of the current buffer, when a suggestion is on its screen.
---@return spark.State?
function M.visible()
  local state = states[api.nvim_get_current_buf()]
  if state and state.suggestion and state.suggestion:at(cursor()) then
    return state
  end
end

--- After a part was taken: what is left of it stays.
function M.refresh(state)
  carry(state)
end

--- All of it was taken.
function M.taken(state)
  cancel(state)
  hide(state)
end

---@return boolean
function M.dismiss()
  local state = M.visible()
  if not state then
    return false
  end
  stop(state)
  state.dismissed = api.nvim_buf_get_changedtick(state.buffer)
  return true
end

local function turn(state, step)
  local suggestion = state.suggestion
  local row, column = cursor()
  local index = (suggestion.index - 1 + step) % #suggestion.items + 1
  if index ~= suggestion.index then
    suggestion.announced = false
    suggestion:choose(index, state.client.offset_encoding, row, column)
    if draw(state, row, column) then
      announce(state)
    end
  end
end

--- Show another suggestion for this place. The server is asked for more of them the first time.
---@param step integer 1 or -1
---@return boolean
function M.cycle(step)
  local buffer = api.nvim_get_current_buf()
  local state = states[buffer]
  if not state or not switch.wanted_now(buffer) then
    return false
  end
  local shown = M.visible() and state.suggestion
  if shown and shown.asked_for_more then
    turn(state, step)
    return true
  end
  state.dismissed = nil
  ask(state, INVOKED, function(suggestion)
    if not suggestion then
      return
    end
    suggestion.asked_for_more = true
    show(state, suggestion)
    if shown and state.suggestion then
      turn(state, step)
    end
  end)
  return true
end

return M
