"""The table: every row is a route, its checks, its documentation. /api/v1/openapi.json is made from it."""

from __future__ import annotations

from gateway.api import hooks, others, tickets, writing
from gateway.api.route import Route

CREATED = "Location names what was made."
LATER = {202: "It is stored, and being worked on: /items tells what becomes of it."}

ROUTES = (
    Route("GET", "/tickets", "tickets:read", "tickets", tickets.find, "List tickets",
          tickets.Pages.tickets, query=tickets.TicketQuery),
    Route("POST", "/tickets", "tickets:write", "tickets", writing.open_ticket, "Open a ticket",
          writing.Taken, body=writing.NewTicket, status=201, also=LATER, apart=True, refusals=(409, 413),
          notes="On behalf of a customer, or of whom the token stands for; its perimeter is IN. Nothing is sent."),
    Route("GET", "/tickets/{number}", "tickets:read", "tickets", tickets.show, "Show a ticket",
          tickets.Ticket, refusals=(404,), tagged=True),
    Route("GET", "/tickets/{number}/messages", "tickets:read", "tickets", tickets.messages, "List what was said",
          tickets.Pages.messages, query=tickets.OrderQuery, refusals=(404,)),
    Route("POST", "/tickets/{number}/replies", "messages:write", "tickets", writing.reply, "Answer the customer",
          tickets.Message, body=writing.NewReply, status=201, refusals=(404, 409),
          notes="On the channel that the ticket is answered on. A merged ticket's answer stands in the one it became."),
    Route("POST", "/tickets/{number}/notes", "messages:write", "tickets", writing.note, "Write an internal note",
          tickets.Message, body=writing.NewNote, status=201, refusals=(404, 409)),
    Route("GET", "/tickets/{number}/events", "tickets:read", "tickets", tickets.events, "Show a ticket's history",
          tickets.Pages.events, query=tickets.OrderQuery, refusals=(404,)),
    Route("GET", "/events", "tickets:read", "tickets", tickets.all_events, "Show the history of all tickets",
          tickets.Pages.events, query=tickets.OrderQuery,
          notes="What happened at the same moment may appear a little out of order; webhooks miss nothing."),
    Route("GET", "/messages/{message}", "tickets:read", "tickets", tickets.message, "Show a message",
          tickets.Message, refusals=(404,)),
    Route("GET", "/files/{file}", "tickets:read", "tickets", tickets.file, "Download a file",
          None, refusals=(404, 409)),
    Route("POST", "/calls", "tickets:write", "tickets", writing.log_call, "Write a telephone call down as a ticket",
          writing.Taken, body=writing.NewCall, status=201, also=LATER, apart=True, refusals=(409, 413)),
    Route("GET", "/items/{item}", "tickets:write", "tickets", writing.item, "Ask what became of what was handed in",
          writing.Taken, refusals=(404,)),
    Route("GET", "/contacts", "contacts:read", "tickets", others.contacts, "List contacts",
          others.Contacts, query=others.ContactQuery),
    Route("GET", "/contacts/{contact}", "contacts:read", "tickets", others.contact, "Show a contact",
          others.Contact, refusals=(404,)),
    Route("GET", "/agents", "agents:read", "tickets", others.agents, "List agents", others.Agents),
    Route("GET", "/teams", "agents:read", "tickets", others.teams, "List teams", others.Teams),
    Route("GET", "/channels", "operations:read", "tickets", others.channels, "List channels", others.ChannelList),
    Route("GET", "/balance", "operations:read", "operations", others.sums,
          "Show that what was received is what became of it", others.Balances),
    *hooks.ROUTES,
)  # fmt: skip
